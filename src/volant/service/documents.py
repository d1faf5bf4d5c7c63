"""The documents of a file that somebody sent, one after the other with the line where each begins; nothing is run."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, get_args

from volant.config import did_you_mean
from volant.errors import VolantError
from volant.sources.formats.bounds import LONGEST_LINE, RowLines, bounded_lines, require_names, require_simple
from volant.sources.formats.cells import bare

Form = Literal["lines", "csv", "tsv", "jsonl"]
FORMS: tuple[Form, ...] = get_args(Form)
LIMIT = "jobs.line_characters"
SUFFIXES: dict[str, Form] = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}


def form_of(name: str) -> Form:
    """What a file is, by the end of its name; one document a line if that says nothing.

    Example:
        >>> form_of("reviews.CSV"), form_of("notes.txt")
        ('csv', 'lines')
    """
    return SUFFIXES.get(Path(name.rpartition("/")[2]).suffix.lower(), "lines")


def documents(
    path: Path,
    form: Form,
    column: str = "text",
    longest: int = LONGEST_LINE,
    between: Callable[[], object] = lambda: None,
) -> Iterator[tuple[int, str]]:
    """Line number (from 1) and text of each document, in constant memory.

    Args:
        path: The file, UTF-8.
        form: One document a line, CSV or TSV with a header, or JSON Lines.
        column: Column or key that holds the text.
        longest: Characters that a line, or a row of a table, may have; a longer one ends the reading.
        between: Called now and then while the file is read; what it raises ends the reading.

    Raises:
        VolantError: If a line can't be read; names it.
    """
    csv.field_size_limit(max(csv.field_size_limit(), longest))  # of the whole process: 131,072 at first
    with path.open(encoding="utf-8-sig", newline="" if form in ("csv", "tsv") else None) as stream:
        lines = bounded_lines(stream, longest, LIMIT, between)
        try:
            if form == "lines":
                yield from ((number, line.rstrip("\n")) for number, line in enumerate(lines, 1))
            elif form == "jsonl":
                yield from _json(lines, column)
            else:
                yield from _table(RowLines(lines, longest, LIMIT), column, "\t" if form == "tsv" else ",")
        except UnicodeDecodeError as error:
            raise VolantError(f"The file is not UTF-8 ({error.reason}). Save it as UTF-8.") from error


def _json(lines: Iterator[str], column: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        require_simple(line, number)
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise VolantError(f"Line {number} is no JSON: {error}.") from error
        if not isinstance(row, dict) or not isinstance(row.get(column), str):
            raise VolantError(f"Line {number} is no JSON object that has a text under '{column}'.")
        yield number, row[column]


def _table(lines: RowLines, column: str, delimiter: str) -> Iterator[tuple[int, str]]:
    reader = csv.reader(iter(lines), delimiter=delimiter, strict=True)
    try:
        at = _column(next(reader, []), column)
        lines.begin(reader.line_num + 1)
        for row in reader:
            if row and len(row) <= at:
                raise VolantError(f"Line {lines.start} has {len(row)} cells, and '{column}' is number {at + 1}.")
            if row:
                yield lines.start, bare(row[at])
            lines.begin(reader.line_num + 1)
    except csv.Error as error:
        raise VolantError(f"Near line {reader.line_num}: {error}. Mend the line.") from error


def _column(names: Sequence[str], column: str) -> int:
    require_names(names)
    if column not in names:
        shown = ", ".join(name[:50] for name in names[:20])
        raise VolantError(f"No column is called '{column}'.{did_you_mean(column, names)} There are: {shown or 'none'}.")
    return list(names).index(column)
