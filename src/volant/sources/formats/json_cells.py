"""Cells of a table that hold spans or facts as JSON, as CSV exports do.

Source: https://labelstud.io/guide/export (CSV)
"""

import json
import re
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from volant.sources.formats.exports import parts_of

JSON = re.compile(r"\s*\[\s*[\[{]")  # a list of lists or of objects


def is_text(table: pa.Table, name: str) -> bool:
    """Return True if a column holds texts."""
    return pa.types.is_string(table.schema.field(name).type)


def parsed(table: pa.Table) -> pa.Table:
    """Return the table with columns of JSON, as CSV holds spans and facts, in the form of such gold."""
    for k, name in enumerate(table.column_names):
        cells = table[name].to_pylist() if is_text(table, name) else []
        first = next((cell for cell in cells if cell and cell != "[]"), "")
        if not JSON.match(first):
            continue
        parts = [_parts(name, cell, texts) for cell, texts in zip(cells, _texts_by_row(table, name), strict=True)]
        if None not in parts:
            table = table.set_column(k, name, pa.array(parts))
    return table


def _texts_by_row(table: pa.Table, but: str) -> list[list[str]]:
    others = [table[name].to_pylist() for name in table.column_names if name != but and is_text(table, name)]
    return [list(filter(None, row)) for row in zip(*others, strict=True)] if others else [[]] * table.num_rows


def _parts(name: str, cell: str | None, texts: Sequence[str]) -> list[Any] | None:
    """Return the parts that a cell holds as JSON; None if it holds something else."""
    if not cell or cell == "[]":
        return []
    try:
        return parts_of(name, json.loads(cell), texts)
    except (ValueError, RecursionError):
        return None
