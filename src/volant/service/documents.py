"""The documents of a file that somebody sent, one after the other with the line where each begins; nothing is run."""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, TextIO, get_args

from volant.config import did_you_mean
from volant.errors import VolantError

Form = Literal["lines", "csv", "tsv", "jsonl"]
FORMS: tuple[Form, ...] = get_args(Form)
LONGEST_CELL = 100 * 1024 * 1024  # characters: what an upload may have, unless service.yaml says otherwise
SUFFIXES: dict[str, Form] = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}


def form_of(name: str) -> Form:
    """What a file is, by the end of its name; one document a line if that says nothing.

    Example:
        >>> form_of("reviews.CSV"), form_of("notes.txt")
        ('csv', 'lines')
    """
    return SUFFIXES.get(Path(name.rpartition("/")[2]).suffix.lower(), "lines")


def documents(
    path: Path, form: Form, column: str = "text", longest_cell: int = LONGEST_CELL
) -> Iterator[tuple[int, str]]:
    """Line number (from 1) and text of each document, in constant memory.

    Args:
        path: The file, UTF-8.
        form: One document a line, CSV or TSV with a header, or JSON Lines.
        column: Column or key that holds the text.
        longest_cell: Characters that a cell of a table may have; a longer one ends the reading, as a quote that is
            never closed would else bring the rest of the file into memory.

    Raises:
        VolantError: If a line can't be read; names it.
    """
    csv.field_size_limit(max(csv.field_size_limit(), longest_cell))  # of the whole process: 131,072 at first
    readers = {"lines": _lines, "csv": _table, "tsv": _table, "jsonl": _json}
    with path.open(encoding="utf-8-sig", newline="" if form in ("csv", "tsv") else None) as stream:
        try:
            yield from readers[form](stream, column, "\t" if form == "tsv" else ",")
        except UnicodeDecodeError as error:
            raise VolantError(f"The file is not UTF-8 ({error.reason}). Save it as UTF-8.") from error


def _lines(stream: TextIO, _column: str, _delimiter: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(stream, 1):
        yield number, line.rstrip("\n")


def _json(stream: TextIO, column: str, _delimiter: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(stream, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise VolantError(f"Line {number} is no JSON: {error}.") from error
        if not isinstance(row, dict) or not isinstance(row.get(column), str):
            raise VolantError(f"Line {number} is no JSON object that has a text under '{column}'.")
        yield number, row[column]


def _table(stream: TextIO, column: str, delimiter: str) -> Iterator[tuple[int, str]]:
    reader = csv.reader(stream, delimiter=delimiter, strict=True)
    try:
        at = _column(next(reader, []), column)
        start = reader.line_num + 1
        for row in reader:
            if row and len(row) <= at:
                raise VolantError(f"Line {start} has {len(row)} cells, and '{column}' is number {at + 1}.")
            if row:
                yield start, row[at]
            start = reader.line_num + 1
    except csv.Error as error:
        raise VolantError(f"Near line {reader.line_num}: {error}. Mend the line.") from error


def _column(names: Sequence[str], column: str) -> int:
    if column not in names:
        shown = ", ".join(name[:50] for name in names[:20])
        raise VolantError(f"No column is called '{column}'.{did_you_mean(column, names)} There are: {shown or 'none'}.")
    return list(names).index(column)
