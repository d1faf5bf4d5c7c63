"""The cells of a file's columns, in the form in which columns are compared."""

from collections.abc import Collection, Sequence

import pyarrow as pa

from volant.sources.formats.exports import choices
from volant.sources.labels import parse_list, plain

Cell = str | tuple[str, ...] | None
Cells = dict[str, list[Cell]]


def cells_of(table: pa.Table, required: Collection[str | None]) -> Cells:
    """Return the cells of each column that is required, or can contain text or labels."""
    possible = [name for name in table.column_names if name in required or _plain(table.schema.field(name).type)]
    return {name: _cells(table[name].to_pylist()) for name in possible}


def _plain(kind: pa.DataType) -> bool:
    """Return True for text, numbers and similar types, or lists of them; not for images and records."""
    type_ = kind.value_type if pa.types.is_list(kind) or pa.types.is_large_list(kind) else kind
    binary = pa.types.is_binary(type_) or pa.types.is_large_binary(type_) or pa.types.is_fixed_size_binary(type_)
    return not (binary or pa.types.is_nested(type_))


def _cells(values: Sequence[object]) -> list[Cell]:
    """Return the cells of a column; a list as text is that list if most cells are such, or one has choices."""
    lists = [parse_list(value.strip()) if isinstance(value, str) else None for value in values]
    has_choices = any(isinstance(value, str) and choices(value.strip()) is not None for value in values)
    filled = sum(value not in (None, "") for value in values)
    if has_choices or sum(items is not None for items in lists) * 2 > filled:
        values = [value if items is None else items for value, items in zip(values, lists, strict=True)]
    return [_cell(value) for value in values]


def _cell(value: object) -> Cell:
    if isinstance(value, list):
        return tuple(text for text in map(plain, value) if text)
    return plain(value)
