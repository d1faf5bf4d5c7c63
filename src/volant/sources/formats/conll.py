"""Files of one token per line with columns of tags, and a blank line after each sentence, as CoNLL's are.

Sources: https://www.clips.uantwerpen.be/conll2003/ner/ (columns, -DOCSTART-),
https://universaldependencies.org/format.html (comments)
"""

import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa

from volant.errors import VolantError
from volant.kinds.record import SPANS
from volant.sources.formats.lines import Format, read_lines
from volant.sources.formats.schemes import OUTSIDE, TAG, is_tag, runs, scheme_of
from volant.sources.formats.tokens import join

DOCUMENT = "-DOCSTART-"
TOKENS = ("tokens", "token", "words", "word", "form", "text")
TAGS = ("tags", "tag", "ner_tags", "ner", "labels", "label", "spans", "slots")
LEAST = 2  # columns
MOST = 100_000  # tokens of a sentence: a file without blank lines must not fill the memory
BLANKS = re.compile(r"[ \t]+")  # never others: a token may hold a no-break space


@dataclass(frozen=True, slots=True)
class Sentence:
    """The tokens of a sentence with their tags, the line where it begins, and the number of its document."""

    line: int
    tokens: list[str]
    tags: list[str]
    document: int


def layout(head: str, names: Sequence[str] | None = None) -> tuple[str, list[str]] | None:
    r"""Return the delimiter and the names of the columns, `tokens` and `tags` among them; None for other text.

    Args:
        head: Beginning of the file.
        names: Names of its columns, if the user gave them.

    Example:
        >>> layout("-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n")
        (' ', ['tokens', 'column_2', 'column_3', 'tags'])
        >>> layout("text\tlabel\nfine\tgood\n") is None
        True
    """
    lines = _whole(head)
    delimiter = "\t" if all("\t" in line for line in lines if _is_row(line)) else " "
    rows = [cells_of(line, delimiter) for line in lines if _is_row(line)]
    width = Counter(map(len, rows)).most_common(1)[0][0] if rows else 0
    rows = [row for row in rows if len(row) == width or not row[0].startswith("#")]
    rows = [row for row in rows if not row[0].startswith("#") or any(map(is_tag, row))]
    if width < LEAST or any(len(row) != width for row in rows):
        return None
    if names:
        return (delimiter, list(names)) if len(names) == width else None
    columns = list(zip(*rows, strict=True))
    tagged = [k for k, cells in enumerate(columns) if all(map(is_tag, cells)) and any(map(TAG.fullmatch, cells))]
    if not tagged or len(tagged) == width:
        return None
    tags = tagged[-1]  # the last one: before it, CoNLL-2003 has the tags of chunks
    tokens = max((k for k in range(width) if k not in tagged), key=lambda k: (_variety(columns[k]), -k))
    roles = {tokens: "tokens", tags: "tags"}
    return delimiter, [roles.get(k, f"column_{k + 1}") for k in range(width)]


def sentences(data: BinaryIO, name: str, form: Format) -> Iterator[Sentence]:
    """Yield the sentences of a file.

    Args:
        data: Decompressed bytes.
        name: Name of the file for messages.
        form: Its format, with the names of its columns.

    Raises:
        VolantError: If a token has other columns than the first, or is empty, or a sentence does not end; the message
            names the line.
    """
    header = form.header or ["tokens", "tags"]
    token_at = _column(header, TOKENS, name)
    tag_at = _column(header, TAGS, name)
    document = 0
    sentence = Sentence(0, [], [], document)
    for number, line in enumerate(read_lines(data, name, form), 1):
        cells = cells_of(line, form.delimiter or " ")
        if not any(cells) or cells[token_at : token_at + 1] == [DOCUMENT] or _is_comment(cells, sentence, len(header)):
            document += cells[token_at : token_at + 1] == [DOCUMENT]
            if sentence.tokens:
                yield sentence
            sentence = Sentence(0, [], [], document)
            continue
        if len(cells) != len(header) or not cells[token_at]:
            raise VolantError(
                f"{name}, line {number}: {len(cells)} columns ('{line.strip()[:40]}'), expected {len(header)} "
                f"({', '.join(header)}). Give each token all columns, and put a blank line between sentences."
            )
        if not sentence.tokens:
            sentence = Sentence(number, [], [], document)
        if len(sentence.tokens) == MOST:
            raise VolantError(
                f"{name}, line {sentence.line}: a sentence of more than {MOST:,} tokens. "
                "Put a blank line between sentences."
            )
        sentence.tokens.append(cells[token_at])
        sentence.tags.append(cells[tag_at])
    if sentence.tokens:
        yield sentence


def read(data: BinaryIO, name: str, form: Format) -> tuple[pa.Table, Sequence[int], str]:
    """Return `text` and `spans` of each sentence, their lines, and the scheme of the tags.

    Fails with `VolantError` as `sentences`, or if a tag is neither `O` nor a prefix with a label.

    Args:
        data: Decompressed bytes.
        name: Name of the file for messages.
        form: Its format, with the names of its columns.
    """
    rows = list(sentences(data, name, form))
    texts = []
    spans = []
    for row in rows:
        text, places = join(row.tokens)
        texts.append(text)
        spans.append(spans_of_runs(row.tags, places, f"{name}, line {row.line}"))
    columns = {"text": pa.array(texts, pa.string()), "spans": pa.array(spans, SPANS)}
    if any(row.document for row in rows):
        columns["document"] = pa.array([str(row.document) for row in rows], pa.string())
    return pa.table(columns), [row.line for row in rows], scheme_of(row.tags for row in rows)


def spans_of_runs(tags: Sequence[str], places: Sequence[tuple[int, int]], where: str) -> list[dict[str, object]]:
    """Return the spans of tagged tokens.

    Fails with `VolantError` if a tag is not one.

    Args:
        tags: Tag of each token.
        places: Place of each token in the text.
        where: File and line, for messages.
    """
    found = [(places[first][0], places[end - 1][1], label) for first, end, label in runs(tags, where)]
    return [{"start": start, "end": end, "label": label} for start, end, label in found]


def cells_of(line: str, delimiter: str) -> list[str]:
    """Return the cells of a line; white space at its ends is none, but a cell between tabs may be empty."""
    bare = line.strip("\r\n")
    if delimiter == "\t":
        return [cell.strip(" ") or cell for cell in bare.rstrip("\t ").split("\t")]
    return BLANKS.split(bare.strip(" \t"))


def _whole(head: str) -> list[str]:
    lines = list(io.StringIO(head.lstrip("\ufeff")))
    return lines[:-1] if len(lines) > 1 and not lines[-1].endswith("\n") and len(head) > 1000 else lines


def _is_row(line: str) -> bool:
    return bool(line.strip()) and not line.startswith(DOCUMENT)


def _is_comment(cells: Sequence[str], sentence: Sentence, width: int) -> bool:
    if sentence.tokens or not cells[0].startswith("#"):
        return False
    return len(cells) != width or not any(map(is_tag, cells))


def _variety(cells: Sequence[str]) -> int:
    """Return the number of different cells; 0 for numbers and blanks, which are no tokens."""
    different = set(cells)
    return 0 if all(cell.isdigit() or cell in ("_", "-", OUTSIDE) for cell in different) else len(different)


def _column(header: Sequence[str], names: Sequence[str], name: str) -> int:
    at = next((header.index(own) for own in names if own in header), None)
    if at is None:
        raise VolantError(
            f"{name}: no column '{names[0]}' in {', '.join(header)}. Name the columns of the file in their order, "
            "tokens and tags among them: --header tokens,pos,tags."
        )
    return at
