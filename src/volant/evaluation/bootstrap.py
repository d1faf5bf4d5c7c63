"""95 % confidence intervals of the metrics over other test sets of this size, by resampling the rows.

Percentile bootstrap (Efron 1979, https://doi.org/10.1214/aos/1176344552), with three corrections for few rows:

- The bias is removed, as macro F1 of rare labels is too low on few rows.
- The ends are those of Student's t for as many units (Hesterberg 2015,
  https://doi.org/10.1080/00031305.2015.1089789, section 5.3).
- If very few rows are wrong, no interval is narrower than Wilson's interval of accuracy (1927,
  https://doi.org/10.1080/01621459.1927.10502953).

If rows are grouped, such as the reviews of a movie, another test set would have other groups, so whole groups are drawn
(Davison & Hinkley 1997, https://doi.org/10.1017/CBO9780511802843, section 3.8).
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from volant.kinds.rates import Tallies, lower_is_better, measure
from volant.kinds.rows import group_names

FEW_UNITS = 10  # with fewer groups, their variation can't be estimated from resampled groups
FEW_ERRORS = 10  # with fewer wrong (or fewer correct) rows, the resamples understate the variation
BIASED = 0.2  # share of the resamples' standard deviation by which their mean may be off by chance
CELLS = 4_000_000  # weights in memory at a time: bounds it to about 100 MB, whatever the number of rows


def intervals(
    names: Sequence[str],
    tallies: Tallies,
    scores: np.ndarray | None,
    samples: int,
    seed: int,
    units: np.ndarray | None = None,
) -> dict[str, tuple[float, float]]:
    """Return the low and high end of the 95 % interval of each metric, without metrics that are undefined.

    A resample is a vector of how often each row was drawn, so that a few matrix products score all resamples.

    Args:
        names: Metrics, as a kind lists them.
        tallies: Per-row counts.
        scores: Probability of each label, (rows, labels); without it there is no ROC-AUC.
        samples: Number of resamples.
        seed: Seed of the draws.
        units: Number of the unit of each row, as `resampling_units` returns it, (rows,); rows of a unit are drawn
            together. By default each row is its own.
    """
    rows = len(tallies.exact)
    units = np.arange(rows) if units is None else units
    draw = np.random.default_rng(seed)
    batches: dict[str, list[np.ndarray]] = {}
    size = max(1, CELLS // rows)
    for start in range(0, samples, size):
        weights = resamples(units, min(size, samples - start), draw)
        for name, values in measure(names, tallies, scores, weights).items():
            batches.setdefault(name, []).append(values)
    resampled = {name: np.concatenate(parts) for name, parts in batches.items()}
    observed = measure(names, tallies, scores)
    count = int(units.max()) + 1
    below, above = _wilson(tallies, units)
    intervals = {}
    for name, values in resampled.items():
        slack = (above, below) if lower_is_better(name) else (below, above)
        if ends := _ends(values, observed[name].item(), count, slack):
            intervals[name] = ends
    return intervals


def resamples(units: np.ndarray, samples: int, draw: np.random.Generator) -> np.ndarray:
    """Return how often each row occurs if as many units are drawn with replacement, (samples, rows) float32.

    Args:
        units: Number of the unit of each row, 0 and up, (rows,).
        samples: Number of resamples.
        draw: Generator of random numbers.

    Example:
        >>> resamples(np.array([0, 1, 1]), 3, np.random.default_rng(0)).tolist()
        [[0.0, 2.0, 2.0], [1.0, 1.0, 1.0], [2.0, 0.0, 0.0]]
    """
    count = int(units.max(initial=-1)) + 1
    weights = np.empty((samples, len(units)), dtype=np.float32)
    for k in range(samples):
        weights[k] = np.bincount(draw.integers(0, count, count), minlength=count)[units]
    return weights


def resampling_units(units: np.ndarray) -> np.ndarray:
    """Return the unit of each row, numbered from 0, (rows,); with fewer than ten units, each row is its own.

    With a single group, such as a slice that is a group, all resamples would be equal, and the interval have no width.

    Example:
        >>> resampling_units(np.array([7, 7, 9])).tolist()
        [0, 1, 2]
        >>> resampling_units(np.repeat(np.arange(10), 2) + 3).tolist()[:4]
        [0, 0, 1, 1]
    """
    numbers = np.unique(units, return_inverse=True)[1]
    return numbers if numbers.max(initial=-1) + 1 >= FEW_UNITS else np.arange(len(units))


def units_of(table: pa.Table, group: str | None) -> np.ndarray:
    """Return the number of the group of each row, 0 and up, (rows,); a row without a group is its own.

    Args:
        table: The rows.
        group: Column of the group; without it, each row is its own.

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
    """Return the ends of the interval of one metric; None if it is undefined.

    Args:
        values: Value on each resample, (samples,).
        value: Value on the observed rows.
        units: Number of units.
        slack: Minimum distance of the low and of the high end from the value.
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
    """Return the distances of the ends of Wilson's interval from accuracy; 0 unless very few rows are wrong or correct.

    The rows of a group count as one row where their errors occur together.
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
