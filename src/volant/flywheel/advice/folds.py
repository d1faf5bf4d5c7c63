"""Folds that split no group, for advice on the train rows."""

import warnings

import numpy as np


def folds(units: np.ndarray, groups: np.ndarray, count: int, seed: int) -> list[np.ndarray]:
    """Return the positions of each fold: equal units (a movie, near-duplicates) are never split; strata in proportion.

    Args:
        units: Unit of each row (N,), of any type that sorts.
        groups: Number of each row's stratum (N,).
        count: Maximum number of folds; there are fewer if there are fewer units.
        seed: Seed of the shuffle.

    Example:
        >>> parts = folds(np.array([7, 7, 8, 9]), np.array([0, 1, 0, 1]), 2, seed=0)
        >>> sorted(np.concatenate(parts).tolist())
        [0, 1, 2, 3]
    """
    from sklearn.model_selection import StratifiedGroupKFold

    count = min(count, len(np.unique(units)))
    if count < 2:
        return []
    if np.bincount(groups).max() < count:  # scikit-learn requires one stratum that reaches every fold
        groups = np.zeros_like(groups)
    splitter = StratifiedGroupKFold(n_splits=count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a rare label is not in every fold: known
        return [fold for _, fold in splitter.split(np.zeros(len(units)), groups, units)]
