"""The labels in a source's column: read from a column of any type, then renamed."""

import ast
import json
import re
import warnings
from collections.abc import Iterable
from contextlib import suppress
from math import isnan

import numpy as np
import pyarrow as pa

from volant.errors import VolantError, did_you_mean
from volant.kinds import KINDS, kind_of_labels
from volant.sources.formats.exports import choices

LONGEST_LIST = 4096
MARKS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}
NONE = "null|None|nan"
NUMBER = r"-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?"
VALUE = rf"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|{NUMBER}|true|false|True|False|{NONE})"""
LIST = re.compile(rf"\[\s*(?:{VALUE}(?:(?:\s*,\s*|\s+){VALUE})*\s*,?)?\s*\]", re.DOTALL)


def read_labels(column: pa.ChunkedArray, kind: str, separator: str | None, where: str) -> list[tuple[str, ...] | None]:
    """Return the labels of each row as in the source; None for a row without a value.

    A cell with a list as text (see `parse_list`) is that list, with any separator. Lists of one label each are one
    label per text.

    Args:
        column: Column of the labels.
        kind: Name of the kind.
        separator: Separator of several labels in one cell; None if a cell has one label.
        where: Name of the column for messages.

    Raises:
        VolantError: If the column can't contain labels of this kind.
    """
    lists = pa.types.is_list(column.type) or pa.types.is_large_list(column.type)
    if KINDS[kind].exclusive and separator:
        raise VolantError(
            f"{where} is split at '{separator}', but kind {kind} has one label per text. "
            f"Set `kind: {kind_of_labels(exclusive=False)}`."
        )
    if pa.types.is_nested(column.type.value_type if lists else column.type):
        raise VolantError(f"{where} holds {column.type}; labels are text, numbers, or lists of them.")
    cells = column.to_pylist()
    if lists:
        labels = [None if cell is None else _unique(cell) for cell in cells]
    else:
        texts = [plain(cell) for cell in cells]
        labels = [None if text is None else _unique(_parts(text, separator)) for text in texts]
    return _single(labels, kind, where) if KINDS[kind].exclusive else labels


def _single(labels: list[tuple[str, ...] | None], kind: str, where: str) -> list[tuple[str, ...] | None]:
    """Return the labels of rows that may have one each; an empty list is no value.

    Raises:
        VolantError: If a row has several.
    """
    for row, row_labels in enumerate(labels, 1):
        if len(row_labels or ()) > 1:
            raise VolantError(
                f"{where}, row {row} holds lists of labels ({', '.join(row_labels or ())}), but kind {kind} has one "
                f"label per text. Set `kind: {kind_of_labels(exclusive=False)}`."
            )
    return [row_labels or None for row_labels in labels]


def read_indicators(columns: dict[str, pa.ChunkedArray], kind: str, where: str) -> list[tuple[str, ...] | None]:
    """Return the labels of each row, from indicator columns: one for each label, 1 if it applies and 0 if not.

    Args:
        columns: Label → its column.
        kind: Name of the kind.
        where: Name of the table for messages.

    Raises:
        VolantError: If a cell is neither 0 nor 1, or a row has several labels and its kind allows one.

    Example:
        >>> columns = {"toxic": pa.chunked_array([["1", "0"]]), "rude": pa.chunked_array([[1, 0]])}
        >>> read_indicators(columns, kind_of_labels(exclusive=False), "a table")
        [('toxic', 'rude'), ()]
    """
    applied = []
    for name, column in columns.items():
        cells = [MARKS.get((plain(cell) or "").casefold()) for cell in column.to_pylist()]
        if None in cells:
            row = cells.index(None)
            raise VolantError(
                f"{where}, column '{name}', row {row + 1}: '{column[row].as_py()}' is neither 0 nor 1. In a column of "
                "a label, 1 means that it applies, 0 that it doesn't. Remove this column from the list."
            )
        applied.append([name if cell else None for cell in cells])
    labels: list[tuple[str, ...] | None] = [tuple(filter(None, row)) for row in zip(*applied, strict=True)]
    return _single(labels, kind, where) if KINDS[kind].exclusive else labels


def rename_labels(
    labels: list[tuple[str, ...] | None], rows: np.ndarray, names: dict[str, str], drop: set[str], where: str
) -> list[tuple[str, ...] | None]:
    """Return the labels of each row under their new names; None for a row to exclude.

    Args:
        labels: Labels of each row, from `read_labels` or `read_indicators`.
        rows: Number of each row in the source, from 0, (N,).
        names: Value in the source → label; empty to keep all values.
        drop: Labels to exclude, under either name; "" means a row without a value (an empty list is one).
        where: Name of the column for messages.

    Raises:
        VolantError: If a row has no value, or one that `names` lacks; the message names the row.
    """
    first_row: dict[str, int] = {}
    for row, values in zip(rows + 1, labels, strict=True):
        if values is None and "" not in drop:
            raise VolantError(
                f'{where}, row {row}: no label. Fill it in, or exclude such rows with `drop_labels: [""]`.'
            )
        for value in values or ():
            first_row.setdefault(value, row)
    renamed = {value: _name(value, names, drop, f"{where}, row {row}") for value, row in first_row.items()}
    result = []
    for values in labels:
        row_labels = tuple(dict.fromkeys(renamed[value] for value in values or () if renamed[value] is not None))
        result.append(row_labels if row_labels or values == () else None)
    return result


def plain(value: object) -> str | None:
    """Return a cell as the text that config uses for it; a whole float has no `.0`, which missing values cause.

    Example:
        >>> [plain(v) for v in (4, 4.0, " neg ", True, None)]
        ['4', '4', 'neg', 'true', None]
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        value = int(value) if value.is_integer() else value
        return None if isnan(value) else str(value)
    return None if value is None else str(value).strip()


def values_of(value: object) -> set[str | None]:
    """Return the values of a cell, one or those of a list, as the texts that config uses for them.

    Example:
        >>> values_of(4.0), sorted(values_of(["a", "b"])), values_of(None)
        ({'4'}, ['a', 'b'], {None})
    """
    return set(map(plain, value)) if isinstance(value, list) else {plain(value)}


def parse_list(cell: str) -> list[object] | None:
    """Return the values of a list written as text, as JSON, Python and NumPy do; None if it is not such a list.

    pandas writes such cells into CSV, Label Studio `{"choices": [...]}`. NumPy omits the commas, without which Python
    would join texts.

    Example:
        >>> [parse_list(cell) for cell in ('["a", "b"]', "['a', 'b']", "['a' 'b']", "[1 2]", "[]", "[a]", "a|b")]
        [['a', 'b'], ['a', 'b'], ['a', 'b'], [1, 2], [], None, None]
    """
    # a cell of a megabyte is a text, and a match of it would take minutes
    if len(cell) <= LONGEST_LIST and cell[:1] == "[" and cell[-1:] == "]" and LIST.fullmatch(cell):
        with suppress(ValueError):
            return json.loads(cell)
        # Python warns about a backslash that escapes nothing
        with suppress(ValueError, SyntaxError), warnings.catch_warnings(action="ignore"):
            return [ast.literal_eval(value) for value in re.findall(VALUE, cell) if value not in NONE.split("|")]
    return choices(cell) if len(cell) <= LONGEST_LIST else None


def _parts(cell: str, separator: str | None) -> list[object]:
    values = parse_list(cell)
    if values is not None:
        return values
    return [*cell.split(separator)] if separator else [cell]


def _unique(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in map(plain, values) if text))


def _name(value: str, names: dict[str, str], drop: set[str], where: str) -> str | None:
    label = names.get(value, value)
    if {value, label} & drop:
        return None
    # A mirror may have names and the hub numbers: a value that is one of the names stays.
    if names and value not in names and value not in names.values():
        raise VolantError(
            f"{where}: label '{value}' is not in columns.label_map.{did_you_mean(value, names)} "
            f"It has: {', '.join(names)}. Add it there, or to columns.drop_labels."
        )
    return label
