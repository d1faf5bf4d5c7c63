"""Documents in, answers out as JSON lines in the same order: constant memory, and it goes on where it was cut off."""

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from volant.bundle.bundle import Bundle
from volant.kinds import answers

CHUNK = 256  # documents answered at a time: between two of them others are answered, and a stop is seen
CHARACTERS = 1_000_000  # of one chunk, where its texts are long: memory must not grow with them
CHECKPOINT = 1.0  # seconds of work that a kill may cost
Answer = Callable[[Sequence[str]], list[dict[str, Any]]]


@dataclass(frozen=True)
class Progress:
    """How far the work is: documents that are answered, and bytes of the result that hold these answers."""

    done: int = 0
    size: int = 0


START = Progress()


def answerer(bundle: Bundle, version: str | None = None, all_scores: bool = False) -> Answer:
    """What answers texts with a bundle, each as a row; with the version that did."""
    said = {} if version is None else {"version": version}

    def answer(texts: Sequence[str]) -> list[dict[str, Any]]:
        best = None if all_scores else 1
        return [{**answers.answer(bundle.kind, one, best), **said} for one in bundle.predict(texts)]

    return answer


def answer_all(
    documents: Iterator[tuple[int, str]],
    answer: Answer,
    result: Path,
    longest: int,
    progress: Progress = START,
) -> Iterator[Progress]:
    """Answer documents to a file; yields what is safely on the disk, about once a second and at the end.

    Args:
        documents: All of them, also those that are answered already.
        answer: What answers texts.
        result: Gets a line for each: `line`, `text`, answer; or `error` where a text can't be answered.
        longest: Characters that a text may have.
        progress: How far it was; what the file holds beyond is done again.
    """
    with result.open("ab") as file:
        file.truncate(progress.size)
        done, saved = progress.done, time.monotonic()
        rest = islice(documents, done, None)
        while chunk := list(_chunk(rest)):
            file.write(_rows(chunk, answer, longest))
            done += len(chunk)
            if time.monotonic() - saved >= CHECKPOINT:
                yield _saved(file, done)
                saved = time.monotonic()
        yield _saved(file, done)


def _chunk(documents: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    size = 0
    for number, text in islice(documents, CHUNK):
        yield number, text
        size += len(text)
        if size >= CHARACTERS:
            return


def _saved(file: Any, done: int) -> Progress:
    file.flush()
    os.fsync(file.fileno())
    return Progress(done, file.tell())


def _rows(chunk: Sequence[tuple[int, str]], answer: Answer, longest: int) -> bytes:
    wrong = {line: why for line, text in chunk if (why := _wrong(text, longest))}
    answers = iter(answer([text for line, text in chunk if line not in wrong]))
    rows = [
        {"line": line, "error": wrong[line]} if line in wrong else {"line": line, "text": text, **next(answers)}
        for line, text in chunk
    ]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _wrong(text: str, longest: int) -> str | None:
    if len(text) > longest:
        return f"{len(text):,} characters; limits.characters_per_text is {longest:,}"
    if any("\ud800" <= character <= "\udfff" for character in text):
        return "holds half of a surrogate pair, which is no character"
    return None
