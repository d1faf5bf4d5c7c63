"""A solved head: logistic regression on an encoder's states. Needs scikit-learn, not torch."""

from typing import Any

import numpy as np

from volant.models.linear import weights_of
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
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    weights = "balanced" if options.class_weights else None
    solver: Any = LogisticRegression(C=options.c, class_weight=weights, max_iter=options.max_iter)
    classifier = OneVsRestClassifier(solver) if targets.ndim == 2 else solver
    # a single label needs no fit: it is always the prediction
    if targets.ndim == 1 and len(np.unique(targets)) < 2:
        return np.zeros((labels, states.shape[1])), np.eye(labels)[targets[0]]
    return weights_of(classifier.fit(states.astype(np.float64), targets), labels, states.shape[1])
