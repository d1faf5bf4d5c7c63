"""CSV and TSV as tables.

The reader is Python's `csv` instead of Arrow's, because it reports the line of an error, and a row is read only up to
`max_line` characters, so that a 100 MB line or a quote that never closes costs no memory.
"""

import csv
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import BinaryIO

import pyarrow as pa

from volant.errors import VolantError
from volant.sources.formats.cells import bare
from volant.sources.formats.lines import Format, read_lines
from volant.sources.formats.sniff import EXCEL, quoting

MOST_COLUMNS = 10_000  # columns of a table; a longer row is no header
MOST_LISTED = 50  # names of columns in a message
LONGEST = 80  # characters of each


def read_csv(data: BinaryIO, name: str, form: Format) -> tuple[pa.Table, Sequence[int]]:
    """Read delimited rows as a table of texts, with the line where each begins.

    Args:
        data: Decompressed bytes.
        name: Name of the file for messages.
        form: Its format.
    """
    names, rows = named_rows(data, name, form)
    batches = []
    lines = array("q")
    # Batches, because Python's strings take several times the memory of Arrow's.
    while numbered := list(islice(rows, 20000)):
        numbers, cells = zip(*numbered, strict=True)
        lines.extend(numbers)
        batches.append(pa.table([pa.array(column, pa.string()) for column in zip(*cells, strict=True)], names=names))
    empty = pa.schema([(column, pa.string()) for column in names]).empty_table()
    return pa.concat_tables(batches) if batches else empty, lines


def named_rows(data: BinaryIO, name: str, form: Format) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Return the names of the columns, and an iterator over the rows with their lines, each with a cell per column.

    Fails with `VolantError` if a name is repeated or, during the iteration, a row is broken or has too few or too many
    cells.

    Args:
        data: Decompressed bytes.
        name: Name of the file for messages.
        form: Its format.
    """
    delimiter = form.delimiter or ","
    rows = records(read_lines(data, name, form), name, delimiter, form)
    names = form.header or _header(rows, name)
    _refuse_repeated(names, name)
    return names, ((line, _checked(row, line, names, name, delimiter)) for line, row in rows)


def records(lines: Iterator[str], name: str, delimiter: str, form: Format) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows, each with the number of the line where it begins, without a first line that is only for Excel.

    Args:
        lines: Lines of the file.
        name: Name of the file for messages.
        delimiter: Delimiter of the cells.
        form: Format of the file.

    Raises:
        VolantError: If a row is broken, or longer than `max_line`; the message names its line.
    """
    start = 0
    size = 0

    def measured() -> Iterator[str]:
        nonlocal size
        for line in lines:
            size += len(line)
            if size > form.max_line:
                raise VolantError(f"{name}, line {start}: a quote opens here and never closes. Close or double it.")
            yield line

    # The limit is one of the whole process, so it is only raised.
    csv.field_size_limit(max(csv.field_size_limit(), form.max_line))
    reader = csv.reader(measured(), delimiter=delimiter, strict=True, **quoting(form.quote, form.escape))
    while True:
        start = reader.line_num + 1
        size = 0
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise VolantError(
                f"{name}, line {start}: broken CSV ({error}). A quote inside a quoted cell is written twice; if a "
                "backslash precedes it, set `escape: '\\\\'` (--escape '\\\\'); "
                "if quotes mean nothing in this file, set `quote: null` (--quote none)."
            ) from error
        if row and not (start == 1 and EXCEL.fullmatch(delimiter.join(row))):
            yield start, [bare(cell) for cell in row]


def _header(records: Iterator[tuple[int, list[str]]], name: str) -> list[str]:
    line, row = next(records, (1, []))
    # pandas writes its index under an empty name.
    names = [cell.strip() or f"column_{i}" for i, cell in enumerate(row, 1)]
    if len(names) > MOST_COLUMNS:
        raise VolantError(f"{name}, line {line}: {len(names):,} columns, at most {MOST_COLUMNS:,}. Is it a header row?")
    _refuse_repeated(names, f"{name}, line {line}")
    return names


def _refuse_repeated(names: list[str], where: str) -> None:
    if repeated := sorted(cell for cell, count in Counter(names).items() if count > 1):
        raise VolantError(
            f"{where}: column {', '.join(map(repr, repeated[:10]))} occurs more than once. Rename one; "
            "if the file has no header row, set `header` (--header)."
        )


def column_list(names: Sequence[str]) -> str:
    """Return names of columns for a message, limited in number and length."""
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return ", ".join(name if len(name) <= LONGEST else f"{name[:LONGEST]}…" for name in names[:MOST_LISTED]) + more


def _checked(row: list[str], line: int, names: list[str], name: str, delimiter: str) -> list[str]:
    if len(row) != len(names):
        raise VolantError(
            f"{name}, line {line}: {len(row)} cells, but {len(names)} columns ({column_list(names)}). "
            f"Put a cell that holds {delimiter!r} in quotes, or set `delimiter` (--delimiter)."
        )
    return row
