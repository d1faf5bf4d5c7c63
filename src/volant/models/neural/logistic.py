"""A head that is solved: logistic regression on an encoder's states. Needs no torch."""

import numpy as np

from volant.models.logistic import fit_logistic
from volant.models.neural.options import Logistic


def logistic_head(
    states: np.ndarray, targets: np.ndarray, labels: int, options: Logistic
) -> tuple[np.ndarray, np.ndarray]:
    """Fit a logistic regression, and return its coefficients (L, D) and intercepts (L,).

    Args:
        states: Pooled states of each row, (N, D).
        targets: (N,) int64, or for several labels (N, L) float32: one binary problem each.
        labels: Size L of the label set.
        options: Hyper-parameters.
    """
    exact = states.astype(np.float64)
    return fit_logistic(exact, targets, labels, options.c, options.class_weights, options.max_iter)
