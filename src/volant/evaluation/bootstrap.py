"""95 % intervals: what the metrics would be on other test sets of this size, by drawing the rows again.

Percentile bootstrap (Efron 1979, https://doi.org/10.1214/aos/1176344552), with three corrections where rows are few:
its bias is taken out, as macro F1 of rare labels is too low on few rows; the ends are those of Student's t for as many
units (Hesterberg 2015, https://doi.org/10.1080/00031305.2015.1089789, section 5.3); and where hardly a row is wrong, no
interval is narrower than Wilson's of accuracy (1927, https://doi.org/10.1080/01621459.1927.10502953).

Where rows come in groups, as reviews of a movie, another test set would have other groups: then whole ones are drawn
(Davison & Hinkley 1997, https://doi.org/10.1017/CBO9780511802843, section 3.8).
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from volant.kinds.rates import Tallies, lower_is_better, measure
from volant.kinds.rows import group_names

FEW_UNITS = 10  # below, what differs between whole groups can't be told from so few draws of them
FEW_ERRORS = 10  # rows wrong, or right, below which the draws don't show what others would be
BIASED = 0.2  # of the spread of the draws that their mean may be off by chance
CELLS = 4_000_000  # weights held at once: bounds memory to about 100 MB, whatever the number of rows


def intervals(
    names: Sequence[str],
    tallies: Tallies,
    scores: np.ndarray | None,
    samples: int,
    seed: int,
    units: np.ndarray | None = None,
) -> dict[str, tuple[float, float]]:
    """Low and high end of the 95 % interval of each metric; left out where it is undefined.

    A sample is a vector of how often each row was drawn, so that a few matrix products score all samples.

    Args:
        names: Metrics, as a kind lists them.
        tallies: What is right and wrong in each row.
        scores: Probability of each label, (rows, labels).
        samples: How many times the rows are drawn again.
        seed: The same seed gives the same intervals.
        units: What is drawn as a whole, as `drawn_whole` numbers it, of each row (rows,); each row by default.
    """
    rows = len(tallies.exact)
    units = np.arange(rows) if units is None else units
    draw = np.random.default_rng(seed)
    found: dict[str, list[np.ndarray]] = {}
    size = max(1, CELLS // rows)
    for start in range(0, samples, size):
        weights = resamples(units, min(size, samples - start), draw)
        for name, values in measure(names, tallies, scores, weights).items():
            found.setdefault(name, []).append(values)
    drawn = {name: np.concatenate(parts) for name, parts in found.items()}
    whole = measure(names, tallies, scores)
    count = int(units.max()) + 1
    below, above = _wilson(tallies, units)
    intervals = {}
    for name, values in drawn.items():
        slack = (above, below) if lower_is_better(name) else (below, above)
        if ends := _ends(values, whole[name].item(), count, slack):
            intervals[name] = ends
    return intervals


def resamples(units: np.ndarray, samples: int, draw: np.random.Generator) -> np.ndarray:
    """How often each row comes when as many units are drawn with replacement, (samples, rows) float32.

    Args:
        units: Number of the unit of each row, 0 and up, (rows,).
        samples: How many times they are drawn.
        draw: Draws them.

    Example:
        >>> resamples(np.array([0, 1, 1]), 3, np.random.default_rng(0)).tolist()
        [[0.0, 2.0, 2.0], [1.0, 1.0, 1.0], [2.0, 0.0, 0.0]]
    """
    count = int(units.max(initial=-1)) + 1
    weights = np.empty((samples, len(units)), dtype=np.float32)
    for k in range(samples):
        weights[k] = np.bincount(draw.integers(0, count, count), minlength=count)[units]
    return weights


def drawn_whole(units: np.ndarray) -> np.ndarray:
    """The units of rows (rows,) numbered from 0; each row is one of its own where there are fewer than ten.

    Of one group, as of a slice that is a group, every draw would be the same, and its interval have no width.

    Example:
        >>> drawn_whole(np.array([7, 7, 9])).tolist()
        [0, 1, 2]
        >>> drawn_whole(np.repeat(np.arange(10), 2) + 3).tolist()[:4]
        [0, 0, 1, 1]
    """
    numbers = np.unique(units, return_inverse=True)[1]
    return numbers if numbers.max(initial=-1) + 1 >= FEW_UNITS else np.arange(len(units))


def units_of(table: pa.Table, group: str | None) -> np.ndarray:
    """Number of the group of each row, 0 and up, (rows,); a row of no group is one of its own.

    Example:
        >>> units_of(pa.table({"movie": ["b", None, "a", "b"]}), "movie").tolist()
        [2, 0, 1, 2]
        >>> units_of(pa.table({"movie": ["b", "b"]}), None).tolist()
        [0, 1]
    """
    values = table[group].to_pylist() if group in table.column_names else [None] * len(table)
    names = group_names(values)
    return np.unique(names, return_inverse=True)[1] if names else np.arange(0)


def _ends(values: np.ndarray, value: float, units: int, slack: tuple[float, float]) -> tuple[float, float] | None:
    """The ends of the interval of one metric.

    Args:
        values: What it was on each sample.
        value: What it is.
        units: How many were drawn.
        slack: How far the ends are below and above it at least.
    """
    from scipy.special import ndtr, stdtrit  # scipy.stats takes a second to import

    defined = values[~np.isnan(values)]
    if not len(defined) or np.isnan(value):
        return None
    level = float(ndtr(stdtrit(units - 1, 0.025) * np.sqrt(units / (units - 1)))) if units > 1 else 0.025
    low, high = np.percentile(defined, [100 * level, 100 * (1 - level)])
    bias = defined.mean() - value
    if abs(bias) > BIASED * defined.std():
        low = low - 2 * bias
        high = high - 2 * bias
    ends = min(low, value - slack[0], value), max(high, value + slack[1], value)
    return max(float(ends[0]), 0.0), min(float(ends[1]), 1.0)


def _wilson(tallies: Tallies, units: np.ndarray) -> tuple[float, float]:
    """How far Wilson's ends of the share of right rows are from it, if hardly a row is wrong or right; else nothing.

    Of rows in groups, those of a group say as much as one of them, if they err together.
    """
    right = np.asarray(tallies.exact, dtype=np.float64)
    if min(right.sum(), len(right) - right.sum()) >= FEW_ERRORS:
        return 0.0, 0.0
    rows = len(right)
    groups = int(units.max()) + 1
    share = right.mean()
    spread = rows * share * (1 - share)
    together = (np.bincount(units, right - share) ** 2).sum()
    count = np.clip(rows * spread / together, groups, rows) if together > 0 else groups
    z = 1.96
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    return float(share - middle + half), float(middle + half - share)
