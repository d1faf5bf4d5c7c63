"""The labels in a source's column: read from whatever type it has, then given their own names."""

import ast
import json
import re
import warnings
from collections.abc import Iterable
from contextlib import suppress

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
    """The labels of each row as the source has them; None where it has no value at all.

    A cell that holds a list as text (see `listed`) counts as that list, whatever the separator is. Lists that all
    hold one label are one label a text.

    Raises:
        VolantError: If the column can't hold labels of this kind.
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
        found = [None if cell is None else _unique(cell) for cell in cells]
    else:
        texts = [plain(cell) for cell in cells]
        found = [None if text is None else _unique(_parts(text, separator)) for text in texts]
    return _single(found, kind, where) if KINDS[kind].exclusive else found


def _single(found: list[tuple[str, ...] | None], kind: str, where: str) -> list[tuple[str, ...] | None]:
    """The labels of rows that may have one each; an empty list is no value.

    Raises:
        VolantError: If a row has several.
    """
    for row, labels in enumerate(found, 1):
        if len(labels or ()) > 1:
            raise VolantError(
                f"{where}, row {row} holds lists of labels ({', '.join(labels or ())}), but kind {kind} has one "
                f"label per text. Set `kind: {kind_of_labels(exclusive=False)}`."
            )
    return [labels or None for labels in found]


def marked(columns: dict[str, pa.ChunkedArray], kind: str, where: str) -> list[tuple[str, ...] | None]:
    """The labels of each row, from a column for each label that holds 1 where it applies and 0 where it doesn't.

    Raises:
        VolantError: If a cell is neither 0 nor 1, or a row has several labels where its kind has one.

    Example:
        >>> several = kind_of_labels(exclusive=False)
        >>> marked({"toxic": pa.chunked_array([["1", "0"]]), "rude": pa.chunked_array([[1, 0]])}, several, "here")
        [('toxic', 'rude'), ()]
    """
    applied = []
    for name, column in columns.items():
        cells = [MARKS.get((plain(cell) or "").casefold()) for cell in column.to_pylist()]
        if None in cells:
            row = cells.index(None)
            raise VolantError(
                f"{where}, column '{name}', row {row + 1}: '{column[row].as_py()}' is neither 0 nor 1. Columns of "
                "labels hold 1 where the label applies, 0 where it doesn't. Remove this column from the list."
            )
        applied.append([name if cell else None for cell in cells])
    found: list[tuple[str, ...] | None] = [tuple(filter(None, row)) for row in zip(*applied, strict=True)]
    return _single(found, kind, where) if KINDS[kind].exclusive else found


def rename_labels(
    found: list[tuple[str, ...] | None], rows: np.ndarray, names: dict[str, str], drop: set[str], where: str
) -> list[tuple[str, ...] | None]:
    """The labels of each row under their own names; None for a row to leave out.

    Args:
        found: What `read_labels` gave.
        rows: The number of each row in the source, from 0.
        names: Value in the source to label; empty: they stay as they are.
        drop: Labels to leave out, under either name; "" stands for a row that has no value (an empty list is one).
        where: What the column is, for messages.

    Raises:
        VolantError: If a row has no value, or one that `names` lacks; says which row.
    """
    first: dict[str, int] = {}
    for row, values in zip(rows + 1, found, strict=True):
        if values is None and "" not in drop:
            raise VolantError(
                f'{where}, row {row}: no label. Fill it in, or exclude such rows with `drop_labels: [""]`.'
            )
        for value in values or ():
            first.setdefault(value, row)
    new = {value: _name(value, names, drop, f"{where}, row {row}") for value, row in first.items()}
    named = [tuple(dict.fromkeys(n for v in values or () if (n := new[v]) is not None)) for values in found]
    return [labels if labels or values == () else None for labels, values in zip(named, found, strict=True)]


def plain(value: object) -> str | None:
    """A cell as the text that config names it by; whole floats lose the `.0` that a missing value brought in.

    Example:
        >>> [plain(v) for v in (4, 4.0, " neg ", True, None)]
        ['4', '4', 'neg', 'true', None]
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return None if value != value else str(int(value)) if value.is_integer() else str(value)  # noqa: PLR0124
    return None if value is None else str(value).strip()


def held(value: object) -> set[str | None]:
    """The values of a cell as config names them: one, or those of a list.

    Example:
        >>> held(4.0), sorted(held(["a", "b"])), held(None)
        ({'4'}, ['a', 'b'], {None})
    """
    return set(map(plain, value)) if isinstance(value, list) else {plain(value)}


def listed(cell: str) -> list[object] | None:
    """The values of a list that stands as text in a cell, as JSON, Python and NumPy write it; None if it is none.

    pandas writes such cells into CSV, Label Studio `{"choices": [...]}`. NumPy leaves the commas out, and Python would
    join texts without one.

    Example:
        >>> [listed(cell) for cell in ('["a", "b"]', "['a', 'b']", "['a' 'b']", "[1 2]", "[]", "[a]", "a|b")]
        [['a', 'b'], ['a', 'b'], ['a', 'b'], [1, 2], [], None, None]
    """
    # a cell of a megabyte is a text, and matching it would take minutes
    if len(cell) <= LONGEST_LIST and cell[:1] == "[" and cell[-1:] == "]" and LIST.fullmatch(cell):
        with suppress(ValueError):
            return json.loads(cell)
        # Python warns of a backslash that escapes nothing
        with suppress(ValueError, SyntaxError), warnings.catch_warnings(action="ignore"):
            return [ast.literal_eval(value) for value in re.findall(VALUE, cell) if value not in NONE.split("|")]
    return choices(cell) if len(cell) <= LONGEST_LIST else None


def _parts(cell: str, separator: str | None) -> list[object]:
    values = listed(cell)
    return values if values is not None else [*cell.split(separator)] if separator else [cell]


def _unique(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in map(plain, values) if text))


def _name(value: str, names: dict[str, str], drop: set[str], where: str) -> str | None:
    label = names.get(value, value)
    if {value, label} & drop:
        return None
    # A mirror may hold names where the hub holds numbers: a value that is one of the names stays.
    if names and value not in names and value not in names.values():
        raise VolantError(
            f"{where}: label '{value}' is not in columns.label_map.{did_you_mean(value, names)} "
            f"It has: {', '.join(names)}. Add it there, or to columns.drop_labels."
        )
    return label
