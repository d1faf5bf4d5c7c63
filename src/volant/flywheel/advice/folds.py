"""Folds whose units are never split: those of scikit-learn's StratifiedGroupKFold, without its import.

Source: https://scikit-learn.org/stable/modules/cross_validation.html#stratifiedgroupkfold
"""

import numpy as np


def folds(units: np.ndarray, groups: np.ndarray, count: int, seed: int) -> list[np.ndarray]:
    """Return the positions of each fold: equal units (a movie, near-duplicates) are never split; strata in proportion.

    Args:
        units: Unit of each row (N,), of any type that sorts.
        groups: Number of each row's stratum (N,).
        count: Number of folds at most; fewer where there are fewer units.
        seed: Seed of the shuffle.

    Example:
        >>> [fold.tolist() for fold in folds(np.array([7, 7, 8, 9]), np.array([0, 1, 0, 1]), 2, seed=0)]
        [[2, 3], [0, 1]]
    """
    numbers = np.unique(units, return_inverse=True)[1]
    sizes = np.bincount(numbers)
    count = min(count, len(sizes))
    if count < 2:
        return []
    if np.bincount(groups).max() < count:  # one stratum at least must be in every fold
        groups = np.zeros_like(groups)
    strata = np.unique(groups, return_inverse=True)[1]
    held = np.zeros((len(sizes), strata.max() + 1))
    np.add.at(held, (numbers, strata), 1)
    order = np.arange(len(sizes))
    np.random.RandomState(seed).shuffle(order)
    order = order[np.argsort(-np.std(held[order], axis=1), kind="stable")]
    fold = np.empty(len(sizes), dtype=np.int64)
    fold[order] = _dealt(held[order], count)
    return [np.flatnonzero(fold[numbers] == k) for k in range(count)]


def _dealt(held: np.ndarray, count: int) -> np.ndarray:
    """Fold (U,) of each unit in turn: the one in which it keeps the strata most even over the folds.

    Args:
        held: Rows of each unit in each stratum (U, S).
        count: Number of folds.
    """
    totals = held.sum(axis=0)
    filled = np.zeros((count, held.shape[1]))
    chosen = np.empty(len(held), dtype=np.int64)
    itself = np.eye(count)[:, :, None]
    for k, unit in enumerate(held):
        spread = np.std((filled + itself * unit) / totals, axis=1).mean(axis=1)
        best = _least(spread.tolist(), filled.sum(axis=1).tolist())
        chosen[k] = best
        filled[best] += unit
    return chosen


def _least(spread: list[float], sizes: list[float]) -> int:
    """Return the position of the lowest spread; of those about as low, that of the fewest rows."""
    best = 0
    for k in range(1, len(spread)):
        near = abs(spread[k] - spread[best]) <= 1e-8 + 1e-5 * abs(spread[best])
        if spread[k] < spread[best] or (near and sizes[k] < sizes[best]):
            best = k
    return best
