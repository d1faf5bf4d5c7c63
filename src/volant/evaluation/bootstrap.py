"""95 % intervals: what the metrics would be on other test sets of this size, by drawing the rows again.

Percentile bootstrap (Efron 1979, https://doi.org/10.1214/aos/1176344552).
"""

from collections.abc import Sequence

import numpy as np

from volant.kinds.rates import Tallies, measure

CELLS = 4_000_000  # weights held at once: bounds memory to about 100 MB, whatever the number of rows


def intervals(
    names: Sequence[str], tallies: Tallies, scores: np.ndarray | None, samples: int, seed: int
) -> dict[str, tuple[float, float]]:
    """Low and high end of the 95 % interval of each metric; left out where it is undefined.

    A sample is a vector of how often each row was drawn, so that a few matrix products score all samples.

    Args:
        names: Metrics, as a kind lists them.
        tallies: What is right and wrong in each row.
        scores: Probability of each label, (rows, labels).
        samples: How many times the rows are drawn again.
        seed: The same seed gives the same intervals.
    """
    rows = len(tallies.exact)
    draw = np.random.default_rng(seed)
    found: dict[str, list[np.ndarray]] = {}
    size = max(1, CELLS // rows)
    for start in range(0, samples, size):
        weights = resamples(rows, min(size, samples - start), draw)
        for name, values in measure(names, tallies, scores, weights).items():
            found.setdefault(name, []).append(values)
    return {name: ends for name, parts in found.items() if (ends := _percentiles(np.concatenate(parts)))}


def resamples(rows: int, samples: int, draw: np.random.Generator) -> np.ndarray:
    """How often each row comes when as many rows are drawn with replacement, (samples, rows) float32.

    Example:
        >>> resamples(3, 2, np.random.default_rng(0)).sum(axis=1).tolist()
        [3.0, 3.0]
    """
    weights = np.empty((samples, rows), dtype=np.float32)
    for k in range(samples):
        weights[k] = np.bincount(draw.integers(0, rows, rows), minlength=rows)
    return weights


def _percentiles(values: np.ndarray) -> tuple[float, float] | None:
    defined = values[~np.isnan(values)]
    if not len(defined):
        return None
    low, high = np.percentile(defined, [2.5, 97.5])
    return float(low), float(high)
