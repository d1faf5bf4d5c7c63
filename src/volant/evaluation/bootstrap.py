"""95 % intervals: what the metrics would be on other test sets of this size, by drawing the rows again.

Percentile bootstrap (Efron 1979, https://doi.org/10.1214/aos/1176344552). Where rows come in groups, as reviews of a
movie, another test set would have other groups: then whole ones are drawn (Davison & Hinkley 1997,
https://doi.org/10.1017/CBO9780511802843, section 3.8).
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from volant.kinds.rates import Tallies, measure

FEW_UNITS = 10  # below, what differs between whole groups can't be told from so few draws of them
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
    return {name: ends for name, parts in found.items() if (ends := _percentiles(np.concatenate(parts)))}


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
    names = [f"#{row:09}" if value in (None, "") else f"={value}" for row, value in enumerate(values)]
    return np.unique(names, return_inverse=True)[1] if names else np.arange(0)


def _percentiles(values: np.ndarray) -> tuple[float, float] | None:
    defined = values[~np.isnan(values)]
    if not len(defined):
        return None
    low, high = np.percentile(defined, [2.5, 97.5])
    return float(low), float(high)
