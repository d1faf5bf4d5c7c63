"""Answer documents as JSON lines in the same order: in constant memory, resuming after an interruption."""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from volant.bundle.bundle import Bundle
from volant.kinds import answers

CHUNK = 256  # documents per chunk; between chunks other requests are answered, and a stop is noticed
CHARACTERS = 1_000_000  # maximum per chunk: bounds the memory where texts are long
CHECKPOINT = 1.0  # seconds of work that are lost at most if the process is killed
Answer = Callable[[Sequence[str]], list[dict[str, Any]]]
Shape = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Progress:
    """The number of documents that are answered, and the size of the result in bytes up to there."""

    done: int = 0
    size: int = 0


START = Progress()


def answerer(bundle: Bundle, version: str | None = None, all_scores: bool = False) -> Answer:
    """Return a function that answers texts with a bundle, each as a row that also names the version.

    Args:
        bundle: The bundle.
        version: Version of the bundle; each row names it.
        all_scores: Add the probability of every label.
    """
    origin = {} if version is None else {"version": version}
    best = None if all_scores else 1

    def answer(texts: Sequence[str]) -> list[dict[str, Any]]:
        return [{**answers.answer(bundle.kind, prediction, best), **origin} for prediction in bundle.predict(texts)]

    return answer


def answer_all(
    documents: Iterator[tuple[int, str]],
    answer: Answer,
    result: Path,
    longest: int,
    progress: Progress = START,
    shape: Shape = dict,
) -> Iterator[Progress]:
    """Answer documents to a file and yield the progress that is safely on disk, about once a second and at the end.

    Args:
        documents: Line number and text of each document, including those that are answered already.
        answer: Function that answers texts.
        result: File that gets a JSON line for each document: `line`, `text` and the answer, or `error` where a text
            can't be answered.
        longest: Maximum number of characters of a text.
        progress: Progress of an earlier run; answers in the file beyond it are overwritten.
        shape: Turns a row into what is written.
    """
    with result.open("ab") as file:
        file.truncate(progress.size)
        done = progress.done
        saved = time.monotonic()
        rest = islice(documents, done, None)
        for chunk in chunks(rest):
            file.write(_rows(chunk, answer, longest, shape))
            done += len(chunk)
            if time.monotonic() - saved >= CHECKPOINT:
                yield _saved(file, done)
                saved = time.monotonic()
        yield _saved(file, done)


def chunks(documents: Iterable[tuple[int, str]], count: int = CHUNK) -> Iterator[list[tuple[int, str]]]:
    """Yield documents in chunks to answer together, bounded in number and in characters.

    Args:
        documents: Number and text of each document.
        count: Maximum number of documents per chunk.

    Example:
        >>> [len(chunk) for chunk in chunks(enumerate(["a", "b", "c"]), count=2)]
        [2, 1]
    """
    rest = iter(documents)
    while chunk := list(_chunk(rest, count)):
        yield chunk


def _chunk(documents: Iterator[tuple[int, str]], count: int) -> Iterator[tuple[int, str]]:
    size = 0
    for number, text in islice(documents, count):
        yield number, text
        size += len(text)
        if size >= CHARACTERS:
            return


def _saved(file: Any, done: int) -> Progress:
    file.flush()
    os.fsync(file.fileno())
    return Progress(done, file.tell())


def _rows(chunk: Sequence[tuple[int, str]], answer: Answer, longest: int, shape: Shape) -> bytes:
    errors = {line: error for line, text in chunk if (error := _error(text, longest))}
    predictions = iter(answer([text for line, text in chunk if line not in errors]))
    rows = [
        {"line": line, "error": errors[line]} if line in errors else {"line": line, "text": text, **next(predictions)}
        for line, text in chunk
    ]
    return "".join(json.dumps(shape(row), ensure_ascii=False) + "\n" for row in rows).encode()


def _error(text: str, longest: int) -> str | None:
    if len(text) > longest:
        return f"{len(text):,} characters; limits.characters_per_text is {longest:,}"
    if any("\ud800" <= character <= "\udfff" for character in text):
        return "contains an unpaired surrogate (invalid Unicode)"
    return None
