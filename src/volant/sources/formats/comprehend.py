"""Amazon Comprehend's annotations of documents, and its lists of entities, as CSV beside files of documents.

Sources: https://docs.aws.amazon.com/comprehend/latest/dg/cer-annotation-csv.html,
https://docs.aws.amazon.com/comprehend/latest/dg/cer-entity-list.html. Offsets count Unicode code points.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from volant.errors import VolantError
from volant.kinds.record import SPANS
from volant.sources.formats.lines import Format, read_lines
from volant.sources.formats.manifest import Opener, place_of
from volant.sources.formats.sniff import decompressed
from volant.sources.formats.spans import Span

FILE = "file"
LINE = "line"
COLUMNS = (FILE, "begin offset", "end offset", "type")
LIST = frozenset(("text", "type"))
ANNOTATIONS = "Amazon Comprehend's annotations"
ENTITIES = "Amazon Comprehend's entity list"
WORD = re.compile(r"\w")
Rows = list[tuple[int, str, list[Span]]]


def is_annotations(columns: Sequence[str]) -> bool:
    """Return True for the columns of annotations: File, Line (or none), Begin Offset, End Offset, Type.

    Example:
        >>> is_annotations(["File", "Line", "Begin Offset", "End Offset", "Type"]), is_annotations(["Text", "Type"])
        (True, False)
    """
    return set(COLUMNS) <= {column.casefold() for column in columns}


def is_entity_list(columns: Sequence[str]) -> bool:
    """Return True for the columns of an entity list: Text and Type."""
    return {column.casefold() for column in columns} == LIST


def read_annotations(table: pa.Table, lines: Sequence[int], name: str, form: Format, opener: Opener) -> pa.Table:
    """Return `text` and `spans` of each line of the documents; without a column Line, of each document.

    Args:
        table: The annotations.
        lines: Line of each.
        name: Path or address of the annotations.
        form: Its format, with the folder of the documents if they are elsewhere.
        opener: Function that opens a path or address.

    Raises:
        VolantError: If a document is missing, or an annotation names a line or an offset that is none.
    """
    table = table.rename_columns([column.casefold() for column in table.column_names])
    whole = LINE not in table.column_names
    spans: dict[tuple[str, int], list[Span]] = {}
    for number, row in zip(lines, table.to_pylist(), strict=True):
        where = f"{name}, line {number}"
        key = (str(row[FILE] or "").strip(), 0 if whole else _number(row, LINE, where))
        span = {"start": _number(row, COLUMNS[1], where), "end": _number(row, COLUMNS[2], where), "label": row["type"]}
        spans.setdefault(key, []).append(span)
    rows: Rows = []
    for file in dict.fromkeys(file for file, _ in spans):
        texts = _documents(_place(file, name, form), form, opener, whole)
        last = max(line for other, line in spans if other == file)
        if last >= len(texts):
            raise VolantError(
                f"{name}: an annotation is of line {last} of {file}, which has the lines 0 to {len(texts) - 1}. "
                "Give the documents that were annotated."
            )
        rows += [(k, text, spans.get((file, k), [])) for k, text in enumerate(texts)]
    return _table(rows)


def read_entity_list(table: pa.Table, name: str, form: Format, opener: Opener) -> pa.Table:
    """Return `text` and `spans` of each line of the documents, in which each occurrence of an entity is a span.

    The longest entity counts where several begin, and none inside of a word.

    Args:
        table: The entity list.
        name: Path or address of the list.
        form: Its format, with the file of the documents.
        opener: Function that opens a path or address.

    Raises:
        VolantError: If an entity is empty, or there is none.
    """
    table = table.rename_columns([column.casefold() for column in table.column_names])
    types = dict(zip(table["text"].to_pylist(), table["type"].to_pylist(), strict=True))
    if not types or not all(text and text.strip() and label for text, label in types.items()):
        raise VolantError(f"{name}: an entity without a text or a type. Give each both: Text,Type.")
    longest = sorted(types, key=lambda text: (-len(text), text))
    pattern = re.compile("|".join(map(_whole_word, longest)))
    texts = _documents(form.documents or "", form, opener, False)
    return _table([(k, text, list(_occurrences(text, pattern, types))) for k, text in enumerate(texts)])


def _occurrences(text: str, pattern: re.Pattern[str], types: Mapping[str, str]) -> Iterator[Span]:
    for match in pattern.finditer(text):
        yield {"start": match.start(), "end": match.end(), "label": types[match[0]]}


def _whole_word(text: str) -> str:
    before = r"(?<!\w)" if WORD.match(text[0]) else ""
    after = r"(?!\w)" if WORD.match(text[-1]) else ""
    return f"{before}{re.escape(text)}{after}"


def _place(file: str, name: str, form: Format) -> str:
    """Return the address of a file of documents: in the folder that the user named, else beside the annotations."""
    if form.documents is None:
        return place_of(file, name)
    if PurePosixPath(form.documents).name == PurePosixPath(file).name:
        return form.documents
    return place_of(file, f"{form.documents.rstrip('/')}/{Path(name).name}")


def _documents(place: str, form: Format, opener: Opener, whole: bool) -> list[str]:
    with opener(place) as raw:
        lines = [line.rstrip("\r\n") for line in read_lines(decompressed(raw), place, form)]
    return ["\n".join(lines)] if whole else lines


def _number(row: Mapping[str, Any], column: str, where: str) -> int:
    cell = str(row[column] or "").strip()
    if not cell.isdecimal():
        raise VolantError(f"{where}: '{cell}' in column '{column}' is no number. Allowed: 0 and greater.")
    return int(cell)


def _table(rows: Rows) -> pa.Table:
    texts = pa.array([text for _, text, _ in rows], pa.string())
    return pa.table({"text": texts, "spans": pa.array([spans for _, _, spans in rows], SPANS)})
