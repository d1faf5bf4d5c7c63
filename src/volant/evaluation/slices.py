"""The same metrics on parts of the test rows: by length of text, and by the columns in the config."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from volant.errors import VolantError, did_you_mean
from volant.evaluation.bootstrap import intervals
from volant.kinds.rates import Tallies, measure

MANY = 20  # number of values of a column above which only the largest and the worst are listed
ENOUGH = 20  # rows below which a slice's score is mostly chance
LENGTH = "length in words"
CELLS = 4_000_000
SURE = 0.05  # probability of a single false "worse" over all slices (Bonferroni)
DRAWS = 300  # bootstrap samples of a slice's interval


@dataclass(frozen=True)
class Slice:
    """A part of the test rows.

    Attributes:
        value: Common value of its rows.
        rows: Number of rows.
        scores: Metric → value.
        right: Number of rows that are correct as a whole.
        interval: 95 % interval of the flywheel's metric; of listed slices only.
    """

    value: str
    rows: int
    scores: dict[str, float]
    right: float = 0.0
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Slices:
    """The slices by one column.

    Attributes:
        column: The column, or `length in words`.
        listed: Slices to show: all; of more than 20, the ten largest, then of those with at least 20 rows the ten that
            chance explains least.
        values: Number of slices.
        spread: Lowest, quartiles and highest score over the slices with at least 20 rows.
        worse: Values of the slices that are worse than chance explains, the most significant first.
    """

    column: str
    listed: list[Slice]
    values: int
    spread: dict[str, float]
    worse: list[str] = field(default_factory=list)


def cut(table: pa.Table, columns: Sequence[str]) -> dict[str, tuple[list[str], np.ndarray]]:
    """Return the names of the parts, and the part of each row (rows,), by length of text and by each column.

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
    """Return four parts of similar size, named by their ends, and the part of each value (N,).

    There are fewer parts where values repeat; NaN is a part of its own.

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
    """Return size and metrics of every part; a metric that is undefined in a part is left out there.

    Args:
        part: Names of the parts, and the part of each row, (rows,).
        names: Names of the metrics.
        tallies: Per-row counts.
        scores: Probability of each label, (rows, labels); without it there is no ROC-AUC.
    """
    values, codes = part
    found: list[Slice] = []
    size = max(1, CELLS // len(codes))
    for start in range(0, len(values), size):
        places = np.arange(start, min(start + size, len(values)))
        inside = (codes[None, :] == places[:, None]).astype(np.float32)
        scored = measure(names, tallies, scores, inside)
        right = inside @ np.asarray(tallies.exact, dtype=np.float32)
        for k, place in enumerate(places):
            named = {name: float(v[k]) for name, v in scored.items() if not np.isnan(v[k])}
            found.append(Slice(values[place], int(inside[k].sum()), named, float(right[k])))
    return found


def summarise(column: str, found: list[Slice], metric: str, lower_is_better: bool = False) -> Slices:
    """Choose the slices of a column to list.

    Args:
        column: Name of the column.
        found: Every slice.
        metric: Metric that ranks them.
        lower_is_better: True if a high value of it is bad.
    """
    trusted = [s for s in found if s.rows >= ENOUGH and metric in s.scores]
    worst = _worst(found, trusted, metric, lower_is_better)
    listed = found
    if len(found) > MANY:
        largest = sorted(found, key=lambda s: (-s.rows, s.value))[:10]
        listed = largest + [s for s, _ in worst[:10] if s not in largest]
    ends = np.percentile([s.scores[metric] for s in trusted], [0, 25, 50, 75, 100]).tolist() if trusted else []
    names = ("lowest", "quarter", "median", "three_quarters", "highest")
    worse = [s.value for s, chance in worst if chance * len(trusted) < SURE]
    return Slices(column, listed, len(found), dict(zip(names, ends, strict=False)), worse)


def with_intervals(
    slices: Slices, part: tuple[list[str], np.ndarray], metric: str, judged: tuple[Tallies, np.ndarray], seed: int
) -> Slices:
    """Add the 95 % interval of the metric to the listed slices.

    Args:
        slices: Result of `summarise`.
        part: Names of the parts, and the part of each row, (rows,).
        metric: The flywheel's metric.
        judged: Tallies, and the probability of each label (rows, labels), of all rows.
        seed: Seed of the draws.
    """
    tallies, scores = judged
    listed = []
    for one in slices.listed:
        rows = np.flatnonzero(part[1] == part[0].index(one.value))
        own = Tallies(tallies.hits[rows], tallies.predicted[rows], tallies.gold[rows], tallies.exact[rows])
        ends = intervals([metric], own, scores[rows], DRAWS, seed) if metric in one.scores else {}
        listed.append(replace(one, interval=ends.get(metric)))
    return replace(slices, listed=listed)


def _worst(
    found: Sequence[Slice], trusted: Sequence[Slice], metric: str, lower_is_better: bool
) -> list[tuple[Slice, float]]:
    """Return the slices below the median, each with the p-value of its number of correct rows (binomial, two-sided).

    The lowest of a hundred equal slices is far below the others by chance, and a small one more so.
    """
    from scipy.special import bdtr, bdtrc  # scipy.stats takes a second to import

    if not trusted:
        return []
    share = sum(s.right for s in found) / max(sum(s.rows for s in found), 1)
    sign = -1 if lower_is_better else 1
    middle = np.median([s.scores[metric] for s in trusted])
    below = [s for s in trusted if sign * s.scores[metric] <= sign * middle]
    tails = [min(bdtr(s.right, s.rows, share), bdtrc(s.right - 1, s.rows, share)) for s in below]
    ranked = zip(below, (float(2 * tail) for tail in tails), strict=True)
    return sorted(ranked, key=lambda pair: (pair[1], sign * pair[0].scores[metric], pair[0].value))


def _values(column: pa.ChunkedArray) -> tuple[list[str], np.ndarray]:
    numeric = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    if numeric and len(column.unique()) > MANY:
        return quartiles(np.array([np.nan if v is None else v for v in column.to_pylist()], dtype=np.float64))
    values = column.to_pylist()
    known = {str(v): v for v in values if v is not None}  # numbers sort as numbers, others as text
    names = sorted(known, key=lambda name: known[name] if numeric else name) + ["(none)"] * (None in values)
    places = {name: k for k, name in enumerate(names)}
    return names, np.array([places["(none)" if v is None else str(v)] for v in values], dtype=np.int64)


def _span(values: np.ndarray) -> str:
    if np.isnan(values).all():
        return "(none)"
    low = f"{values.min():g}"
    high = f"{values.max():g}"
    return low if low == high else f"{low} to {high}"
