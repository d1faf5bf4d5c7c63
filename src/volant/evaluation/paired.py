"""Paired comparison of two bundles: every resample is scored for both, so that hard rows cancel out.

Paired bootstrap (Efron & Tibshirani 1993; for language: Koehn 2004, https://aclanthology.org/W04-3250).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from volant.evaluation.bootstrap import CELLS, resamples, resampling_units
from volant.kinds import Tallies
from volant.kinds.rates import measure


@dataclass(frozen=True)
class Side:
    """One bundle's predictions for the rows: per-row counts, and probabilities (rows, labels) if there are any.

    `units` gives the number of the resampling unit of each row, (rows,); by default each row is its own.
    """

    tallies: Tallies
    scores: np.ndarray | None
    units: np.ndarray | None = None

    def of(self, rows: np.ndarray) -> "Side":
        """Return the same predictions for some rows, given as positions or as a mask."""
        scores = None if self.scores is None else self.scores[rows]
        units = None if self.units is None else self.units[rows]
        return Side(self.tallies.of(rows), scores, units)


Value = Callable[[Side, np.ndarray | None], np.ndarray]  # from a side and weights (samples, rows) to (samples, ...)


def metric_value(metric: str) -> Value:
    """Return a metric as a `Value`: one number per resample, NaN where it is undefined."""

    def value(side: Side, weights: np.ndarray | None) -> np.ndarray:
        values = measure([metric], side.tallies, side.scores, weights)
        return values.get(metric, np.full(1 if weights is None else len(weights), np.nan))

    return value


def gained(metric: str, new: Side, old: Side) -> np.ndarray | None:
    """Return the gain of the new side on each row (rows,), for metrics that are means over rows; else None.

    Args:
        metric: Name of the metric.
        new: Predictions of the one bundle.
        old: Predictions of the other for the same rows.
    """
    if metric in ("accuracy", "subset_accuracy"):
        return new.tallies.exact - old.tallies.exact
    if metric == "hamming_loss":
        wrong = [(s.tallies.predicted + s.tallies.gold - 2 * s.tallies.hits).mean(axis=1) for s in (new, old)]
        return wrong[1] - wrong[0]
    return None


def redraw(value: Value, new: Side, old: Side, samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `value` of both sides on the same resamples of the rows, (samples, ...) each.

    Args:
        value: Function that returns one row of numbers per resample.
        new: Predictions of the one bundle.
        old: Predictions of the other for the same rows.
        samples: Number of resamples.
        seed: Seed of the draws.
    """
    rows = len(new.tallies.exact)
    units = np.arange(rows) if new.units is None else resampling_units(new.units)
    draw = np.random.default_rng(seed)
    batches: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    size = max(1, CELLS // rows)
    for start in range(0, samples, size):
        weights = resamples(units, min(size, samples - start), draw)
        for side, values in zip((new, old), batches, strict=True):
            values.append(value(side, weights))
    return np.concatenate(batches[0]), np.concatenate(batches[1])


def interval(values: np.ndarray, confidence: float) -> tuple[float, float]:
    """Return the percentile interval of resampled values (samples,); NaN (undefined in a resample) is left out.

    Example:
        >>> interval(np.arange(5.0), 0.5)
        (1.0, 3.0)
    """
    defined = values[~np.isnan(values)]
    outside = 50 * (1 - confidence)
    low, high = np.percentile(defined, [outside, 100 - outside]) if len(defined) else (np.nan, np.nan)
    return float(low), float(high)


def two_sided(differences: np.ndarray) -> float:
    """Return the p-value of "there is no difference": twice the share of resamples on the far side of 0, at most 1.

    The observed rows count as one more resample, so that it is never 0
    (Davison & Hinkley 1997, https://doi.org/10.1017/CBO9780511802843, section 4.2).

    Example:
        >>> two_sided(np.array([0.1, 0.2, 0.3] * 33)), two_sided(np.zeros(10))
        (0.02, 1.0)
    """
    defined = differences[~np.isnan(differences)]
    far = min((defined <= 0).sum(), (defined >= 0).sum())
    return float(min(1.0, 2 * (far + 1) / (len(defined) + 1)))


def fall(difference: float, differences: np.ndarray) -> float:
    """Return the one-sided p-value of a decrease, by the spread of the resamples (samples,) and a normal tail.

    The tail is a curve, not a count, so that many labels can be corrected for without 100,000 resamples.

    Example:
        >>> round(fall(-0.2, np.array([-0.3, -0.2, -0.1])), 3)
        0.007
    """
    from scipy.special import ndtr

    spread = float(np.nanstd(differences))
    if spread == 0:
        return 0.0 if difference < 0 else 1.0
    return float(ndtr(difference / spread))


def mcnemar(new: np.ndarray, old: np.ndarray) -> float:
    """Return the p-value of the exact McNemar test that both sides err equally often.

    McNemar 1947, https://doi.org/10.1007/BF02295996; exact: the binomial of the rows where only one is correct.

    Args:
        new: 1 where the one side is correct, (rows,).
        old: 1 where the other is correct, (rows,).

    Example:
        >>> only_new, only_old, both = [(1, 0)] * 9, [(0, 1)], [(1, 1)] * 5
        >>> round(mcnemar(*np.array(only_new + only_old + both).T), 4)
        0.0215
    """
    from scipy.special import bdtr

    gained = int(((new > 0) & (old == 0)).sum())
    lost = int(((new == 0) & (old > 0)).sum())
    return float(min(1.0, 2 * bdtr(min(gained, lost), gained + lost, 0.5)))  # symmetric: both tails are the same
