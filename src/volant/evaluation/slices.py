"""Metrics on parts of the test rows, and the choice of the parts to show."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from volant.evaluation.bootstrap import intervals
from volant.evaluation.partition import MANY, Partition
from volant.kinds.rates import Tallies, measure

ENOUGH = 20  # number of rows below which a slice's score is mostly chance
CELLS = 4_000_000  # weights in memory at a time
SIGNIFICANCE = 0.05  # probability of any false "worse" over all slices (Bonferroni)
DRAWS = 300  # bootstrap samples of a slice's interval


@dataclass(frozen=True)
class Slice:
    """A part of the test rows.

    Attributes:
        value: Common value of its rows.
        rows: Number of rows.
        scores: Metric → value.
        right: Number of rows that are completely correct.
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
        listed: Slices to show: all; of more than 20, the ten largest, then of those with at least 20 rows the ten whose
            low score is least likely by chance.
        values: Number of slices.
        spread: Lowest, quartiles and highest score over the slices with at least 20 rows.
        worse: Values of the slices that are significantly worse, the most significant first.
    """

    column: str
    listed: list[Slice]
    values: int
    spread: dict[str, float]
    worse: list[str] = field(default_factory=list)


def measure_parts(
    partition: Partition, names: Sequence[str], tallies: Tallies, scores: np.ndarray | None
) -> list[Slice]:
    """Return size and metrics of every part; a metric that is undefined in a part is left out there.

    Args:
        partition: Names of the parts, and the part of each row, (rows,).
        names: Names of the metrics.
        tallies: Per-row counts.
        scores: Probability of each label, (rows, labels); without it there is no ROC-AUC.
    """
    values, codes = partition
    slices: list[Slice] = []
    size = max(1, CELLS // len(codes))
    for start in range(0, len(values), size):
        places = np.arange(start, min(start + size, len(values)))
        inside = (codes[None, :] == places[:, None]).astype(np.float32)
        metrics = measure(names, tallies, scores, inside)
        right = inside @ np.asarray(tallies.exact, dtype=np.float32)
        for k, place in enumerate(places):
            defined = {name: float(v[k]) for name, v in metrics.items() if not np.isnan(v[k])}
            slices.append(Slice(values[place], int(inside[k].sum()), defined, float(right[k])))
    return slices


def summarise(column: str, slices: list[Slice], metric: str, lower_is_better: bool = False) -> Slices:
    """Choose the slices of a column to list.

    Args:
        column: Name of the column.
        slices: Every slice.
        metric: Metric that ranks them.
        lower_is_better: True if a high value of it is bad.
    """
    large = [s for s in slices if s.rows >= ENOUGH and metric in s.scores]
    worst = _worst(slices, large, metric, lower_is_better)
    listed = slices
    if len(slices) > MANY:
        largest = sorted(slices, key=lambda s: (-s.rows, s.value))[:10]
        listed = largest + [s for s, _ in worst[:10] if s not in largest]
    ends = np.percentile([s.scores[metric] for s in large], [0, 25, 50, 75, 100]).tolist() if large else []
    names = ("lowest", "quarter", "median", "three_quarters", "highest")
    worse = [s.value for s, p_value in worst if p_value * len(large) < SIGNIFICANCE]
    return Slices(column, listed, len(slices), dict(zip(names, ends, strict=False)), worse)


def with_intervals(
    slices: Slices, partition: Partition, metric: str, results: tuple[Tallies, np.ndarray], seed: int
) -> Slices:
    """Add the 95 % interval of the metric to the listed slices.

    Args:
        slices: Result of `summarise`.
        partition: Names of the parts, and the part of each row, (rows,).
        metric: The flywheel's metric.
        results: Per-row counts, and the probability of each label (rows, labels), of all rows.
        seed: Seed of the draws.
    """
    values, codes = partition
    tallies, scores = results
    listed = []
    for part in slices.listed:
        rows = np.flatnonzero(codes == values.index(part.value))
        defined = metric in part.scores
        ends = intervals([metric], tallies.of(rows), scores[rows], DRAWS, seed) if defined else {}
        listed.append(replace(part, interval=ends.get(metric)))
    return replace(slices, listed=listed)


def _worst(
    slices: Sequence[Slice], large: Sequence[Slice], metric: str, lower_is_better: bool
) -> list[tuple[Slice, float]]:
    """Return the slices below the median, each with the p-value of its number of correct rows (binomial, two-sided).

    The lowest of a hundred equal slices is far below the others by chance, above all if it has few rows.
    """
    from scipy.special import bdtr, bdtrc  # scipy.stats takes a second to import

    if not large:
        return []
    share = sum(s.right for s in slices) / max(sum(s.rows for s in slices), 1)
    sign = -1 if lower_is_better else 1
    median = np.median([s.scores[metric] for s in large])
    below = [s for s in large if sign * s.scores[metric] <= sign * median]
    tails = [min(bdtr(s.right, s.rows, share), bdtrc(s.right - 1, s.rows, share)) for s in below]
    ranked = zip(below, (float(2 * tail) for tail in tails), strict=True)
    return sorted(ranked, key=lambda pair: (pair[1], sign * pair[0].scores[metric], pair[0].value))
