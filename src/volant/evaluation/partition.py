"""Partitions of the test rows: by length of text, and by the values of a column."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from volant.errors import VolantError, did_you_mean

MANY = 20  # number of values above which a numeric column is split at its quartiles, and not every slice is listed
LENGTH = "length in words"
NONE = "(none)"  # name of the part of rows without a value
Partition = tuple[list[str], np.ndarray]  # names of the parts, and the part of each row (rows,)


def partitions(table: pa.Table, columns: Sequence[str]) -> dict[str, Partition]:
    """Return the partitions of the rows by length of text and by each column.

    Args:
        table: Test rows.
        columns: Columns whose values split the rows; numeric ones with more than 20 values by quartile.

    Raises:
        VolantError: If the rows have no such column.
    """
    words = np.array([len(text.split()) for text in table.column("text").to_pylist()])
    result = {LENGTH: quartiles(words)}
    for name in columns:
        if name not in table.column_names:
            raise VolantError(
                f"evaluation.slices names the column '{name}', which the test rows lack."
                f"{did_you_mean(name, table.column_names)} They have: {', '.join(table.column_names)}. "
                "Add the column to the source, or remove it from `evaluation.slices`, in conf/flywheel/<name>.yaml."
            )
        result[name] = _values(table.column(name))
    return result


def quartiles(values: np.ndarray) -> Partition:
    """Return four parts of similar size, named by their ends, and the part of each value (N,).

    There are fewer parts where values repeat; NaN is a part of its own.

    Example:
        >>> quartiles(np.array([1, 2, 3, 4, 5, 6, 7, 8]))[0]
        ['1 to 2', '3 to 4', '5 to 6', '7 to 8']
    """
    defined = values[~np.isnan(values)]
    ends = np.unique(np.percentile(defined, [25, 50, 75], method="lower")) if len(defined) else np.array([])
    places = np.searchsorted(ends, values, side="left")
    places[np.isnan(values)] = len(ends) + 1
    used, codes = np.unique(places, return_inverse=True)
    return [_range(values[places == place]) for place in used], codes


def _values(column: pa.ChunkedArray) -> Partition:
    numeric = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    if numeric and len(column.unique()) > MANY:
        return quartiles(np.array([np.nan if v is None else v for v in column.to_pylist()], dtype=np.float64))
    values = column.to_pylist()
    by_name = {str(v): v for v in values if v is not None}  # numbers are sorted as numbers, others as text
    names = sorted(by_name, key=lambda name: by_name[name] if numeric else name) + [NONE] * (None in values)
    places = {name: k for k, name in enumerate(names)}
    return names, np.array([places[NONE if v is None else str(v)] for v in values], dtype=np.int64)


def _range(values: np.ndarray) -> str:
    if np.isnan(values).all():
        return NONE
    low = f"{values.min():g}"
    high = f"{values.max():g}"
    return low if low == high else f"{low} to {high}"
