"""Stratified folds of the train rows, for cross-validation."""

import numpy as np

from volant.models import Examples


def deal(targets: np.ndarray, count: int, seed: int) -> list[np.ndarray]:
    """Return the row positions of each fold: shuffled, sorted by label and dealt in turn, so folds are stratified.

    Args:
        targets: (N,) int64, or for several labels (N, L) float32: a row is dealt by its rarest label.
        count: Number of folds.
        seed: Seed of the shuffle.

    Example:
        >>> [np.array([0, 0, 1, 1])[fold].tolist() for fold in deal(np.array([0, 0, 1, 1]), 2, seed=0)]
        [[0, 1], [0, 1]]
    """
    strata = targets if targets.ndim == 1 else rarest(targets)
    order = np.random.default_rng(seed).permutation(len(strata))
    order = order[np.argsort(strata[order], kind="stable")]
    return [np.sort(order[start::count]) for start in range(count)]


def rarest(targets: np.ndarray) -> np.ndarray:
    """Return the rarest label of each row of (N, L) targets, (N,); L for a row with none.

    Example:
        >>> rarest(np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0]])).tolist()
        [1, 0, 2]
    """
    counts = np.where(targets > 0, targets.sum(axis=0), np.inf)
    return np.where(targets.any(axis=1), counts.argmin(axis=1), targets.shape[1])


def pick(examples: Examples, rows: np.ndarray) -> Examples:
    """Return the examples at these positions."""
    places: list[int] = rows.tolist()
    return Examples([examples.texts[k] for k in places], [examples.gold[k] for k in places], examples.targets[rows])
