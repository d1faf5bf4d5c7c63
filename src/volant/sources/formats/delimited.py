"""CSV and TSV as tables.

Python's `csv` reads instead of Arrow's because it says where a file is broken, and a row is only ever held
up to `max_line` characters, so that a 100 MB line or a quote that never closes costs no memory.
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

MOST_COLUMNS = 10_000  # of a table; a row of so many is no header
# names of columns in a message, and characters of each
SHOWN = 50
LONGEST = 80


def read_csv(data: BinaryIO, name: str, form: Format) -> tuple[pa.Table, Sequence[int]]:
    """Read delimited rows, with the line where each begins; every cell stays text."""
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
    """The names of the columns, and the rows with their lines one after the other, each with a cell for every name.

    Fails with `VolantError` if a name is there twice, or, when its turn comes, a row is broken or has too few or many
    cells.
    """
    delimiter = form.delimiter or ","
    rows = records(read_lines(data, name, form), name, delimiter, form)
    names = form.header or _header(rows, name)
    _refuse_twins(names, name)
    return names, ((line, _checked(row, line, names, name, delimiter)) for line, row in rows)


def records(lines: Iterator[str], name: str, delimiter: str, form: Format) -> Iterator[tuple[int, list[str]]]:
    """Rows, each with the number of the line where it begins; a first line that is only for Excel is none."""
    start = size = 0

    def measured() -> Iterator[str]:
        nonlocal size
        for line in lines:
            size += len(line)
            if size > form.max_line:
                raise VolantError(f"{name}, line {start}: a quote opens there and never closes. Close or double it.")
            yield line

    # The limit belongs to the whole process, so it is only ever raised.
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
                "backslash stands before it, set `escape: '\\\\'` (--escape '\\\\'); "
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
    _refuse_twins(names, f"{name}, line {line}")
    return names


def _refuse_twins(names: list[str], where: str) -> None:
    if twice := sorted(cell for cell, count in Counter(names).items() if count > 1):
        raise VolantError(
            f"{where}: column {', '.join(map(repr, twice[:10]))} occurs more than once. Rename one; "
            "if the file has no header row, set `header` (--header)."
        )


def shown(names: Sequence[str]) -> str:
    """Names of columns in a message: only so many, and so much of each."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(name if len(name) <= LONGEST else f"{name[:LONGEST]}…" for name in names[:SHOWN]) + more


def _checked(row: list[str], line: int, names: list[str], name: str, delimiter: str) -> list[str]:
    if len(row) != len(names):
        raise VolantError(
            f"{name}, line {line}: {len(row)} cells, but {len(names)} columns ({shown(names)}). "
            f"Put a cell that holds {delimiter!r} in quotes, or set `delimiter` (--delimiter)."
        )
    return row
