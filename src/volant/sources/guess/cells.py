"""The cells of a file's columns, in the form in which columns are compared."""

from collections.abc import Collection, Sequence

import pyarrow as pa

from volant.sources.formats.exports import choices
from volant.sources.labels import listed, plain

Cell = str | tuple[str, ...] | None
Cells = dict[str, list[Cell]]


def cells_of(table: pa.Table, named: Collection[str | None]) -> Cells:
    """The cells of each column that is named, or can hold text or labels."""
    possible = [name for name in table.column_names if name in named or _plain(table.schema.field(name).type)]
    return {name: _cells(table[name].to_pylist()) for name in possible}


def _plain(kind: pa.DataType) -> bool:
    """Return whether it holds text, numbers or the like, or lists of them; pictures and records are neither."""
    held = kind.value_type if pa.types.is_list(kind) or pa.types.is_large_list(kind) else kind
    binary = pa.types.is_binary(held) or pa.types.is_large_binary(held) or pa.types.is_fixed_size_binary(held)
    return not (binary or pa.types.is_nested(held))


def _cells(values: Sequence[object]) -> list[Cell]:
    """The cells of a column; where most of them hold a list as text, or one holds choices, such a text is that list."""
    lists = [listed(value.strip()) if isinstance(value, str) else None for value in values]
    chosen = any(isinstance(value, str) and choices(value.strip()) is not None for value in values)
    if chosen or sum(found is not None for found in lists) * 2 > sum(value not in (None, "") for value in values):
        values = [value if found is None else found for value, found in zip(values, lists, strict=True)]
    return [_cell(value) for value in values]


def _cell(value: object) -> Cell:
    if isinstance(value, list):
        return tuple(text for text in map(plain, value) if text)
    return plain(value)
