"""The same metrics on parts of the test rows: by length of text, and by the columns that config names."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from volant.config import did_you_mean
from volant.errors import VolantError
from volant.kinds.rates import Tallies, measure

MANY = 20  # values of a column above which only the largest and the worst are listed
ENOUGH = 20  # rows below which a slice's score is mostly luck
LENGTH = "length in words"
CELLS = 4_000_000


@dataclass(frozen=True)
class Slice:
    """A part of the test rows: its value, its size, its metrics."""

    value: str
    rows: int
    scores: dict[str, float]


@dataclass(frozen=True)
class Slices:
    """One way to cut the rows.

    Attributes:
        column: The column, or `length in words`.
        listed: The slices to show: all; of more than 20, the largest and then the worst that have 20 rows.
        values: How many there are.
        spread: Lowest, quartiles and highest score over the slices that have 20 rows.
    """

    column: str
    listed: list[Slice]
    values: int
    spread: dict[str, float]


def cut(table: pa.Table, columns: Sequence[str]) -> dict[str, tuple[list[str], np.ndarray]]:
    """Names of the parts and the part of each row, for length of text and for each column.

    Raises:
        VolantError: If the rows have no such column.
    """
    words = np.array([len(text.split()) for text in table.column("text").to_pylist()])
    parts = {LENGTH: quartiles(words)}
    for name in columns:
        if name not in table.column_names:
            raise VolantError(
                f"evaluation.slices names the column '{name}', which the test rows lack."
                f"{did_you_mean(name, table.column_names)} They have: {', '.join(table.column_names)}. "
                "Keep the column in the source, or take it off the list, in conf/flywheel/<name>.yaml."
            )
        parts[name] = _values(table.column(name))
    return parts


def quartiles(values: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Four parts of about one size, named by their ends; fewer where values repeat; NaN is a part of its own.

    Example:
        >>> quartiles(np.array([1, 2, 3, 4, 5, 6, 7, 8]))[0]
        ['1 to 2', '3 to 4', '5 to 6', '7 to 8']
    """
    known = values[~np.isnan(values)]
    ends = np.unique(np.percentile(known, [25, 50, 75], method="lower")) if len(known) else np.array([])
    places = np.searchsorted(ends, values, side="left")
    places[np.isnan(values)] = len(ends) + 1
    used, codes = np.unique(places, return_inverse=True)
    return [_span(values[places == place]) for place in used], codes


def measure_parts(
    part: tuple[list[str], np.ndarray], names: Sequence[str], tallies: Tallies, scores: np.ndarray | None
) -> list[Slice]:
    """Size and metrics of every part; a metric that is undefined in a part is left out there."""
    values, codes = part
    found: list[Slice] = []
    size = max(1, CELLS // len(codes))
    for start in range(0, len(values), size):
        places = np.arange(start, min(start + size, len(values)))
        inside = (codes[None, :] == places[:, None]).astype(np.float32)
        scored = measure(names, tallies, scores, inside)
        for k, place in enumerate(places):
            named = {name: float(v[k]) for name, v in scored.items() if not np.isnan(v[k])}
            found.append(Slice(values[place], int(inside[k].sum()), named))
    return found


def summarise(column: str, found: list[Slice], metric: str, lower_is_better: bool = False) -> Slices:
    """Choose what to list of all slices of a column.

    Args:
        column: Its name.
        found: Every slice.
        metric: The metric that says which are worst.
        lower_is_better: Whether a high value of it is bad.
    """
    sign = -1 if lower_is_better else 1
    trusted = [s for s in found if s.rows >= ENOUGH and metric in s.scores]
    listed = found
    if len(found) > MANY:
        largest = sorted(found, key=lambda s: (-s.rows, s.value))[:10]
        worst = sorted(trusted, key=lambda s: (sign * s.scores[metric], s.value))[:10]
        listed = largest + [s for s in worst if s not in largest]
    ends = np.percentile([s.scores[metric] for s in trusted], [0, 25, 50, 75, 100]).tolist() if trusted else []
    names = ("lowest", "quarter", "median", "three_quarters", "highest")
    return Slices(column, listed, len(found), dict(zip(names, ends, strict=False)))


def _values(column: pa.ChunkedArray) -> tuple[list[str], np.ndarray]:
    numeric = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    if numeric and len(column.unique()) > MANY:
        return quartiles(np.array([np.nan if v is None else v for v in column.to_pylist()], dtype=np.float64))
    values = column.to_pylist()
    known = {str(v): v for v in values if v is not None}  # numbers sort as numbers, all else by its text
    names = sorted(known, key=lambda name: known[name] if numeric else name) + ["(none)"] * (None in values)
    places = {name: k for k, name in enumerate(names)}
    return names, np.array([places["(none)" if v is None else str(v)] for v in values], dtype=np.int64)


def _span(values: np.ndarray) -> str:
    if np.isnan(values).all():
        return "(none)"
    low, high = f"{values.min():g}", f"{values.max():g}"
    return low if low == high else f"{low} to {high}"
