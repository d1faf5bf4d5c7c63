"""Points of ROC and precision-recall curves for plots."""

from collections.abc import Sequence

import numpy as np

from volant.kinds.rates import roc_auc

POINTS = 200  # points of a curve in a plot
CURVES = 10  # curves that can be distinguished in a plot
POOLED = "(all labels)"


def roc_rows(gold: np.ndarray, scores: np.ndarray, labels: Sequence[str]) -> list[dict]:
    """Return rows `label, fpr, tpr` of the labels that `chosen` selects; of two exclusive labels one, as they mirror.

    Args:
        gold: True where a label applies, (rows, labels).
        scores: Probability of each label, (rows, labels).
        labels: The label set.
    """
    from sklearn.metrics import roc_curve

    rows: list[dict] = []
    for label, truth, score in chosen(gold, scores, labels):
        fpr, tpr, _ = roc_curve(truth, score)
        rows += _points(label, fpr=fpr, tpr=tpr)
    exclusive = len(labels) == 2 and bool((gold.sum(axis=1) == 1).all())
    return [row for row in rows if row["label"] == labels[1]] if exclusive else rows


def pr_rows(gold: np.ndarray, scores: np.ndarray, labels: Sequence[str]) -> list[dict]:
    """Return rows `label, recall, precision` of the labels that `chosen` selects.

    Args:
        gold: True where a label applies, (rows, labels).
        scores: Probability of each label, (rows, labels).
        labels: The label set.
    """
    from sklearn.metrics import precision_recall_curve

    rows: list[dict] = []
    for label, truth, score in chosen(gold, scores, labels):
        precision, recall, _ = precision_recall_curve(truth, score)
        rows += _points(label, recall=recall[::-1], precision=precision[::-1])
    return rows


def chosen(gold: np.ndarray, scores: np.ndarray, labels: Sequence[str]) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return name, gold (rows,) and scores (rows,) of each curve: every label; of many, the best, the worst and a pool.

    Args:
        gold: True where a label applies, (rows, labels).
        scores: Probability of each label, (rows, labels).
        labels: The label set.
    """
    areas = roc_auc(gold, scores)[0]
    defined = np.flatnonzero(~np.isnan(areas))
    curves = []
    if len(defined) > CURVES:
        curves = [(POOLED, gold.ravel() > 0, scores.ravel())]
        ranked = defined[np.argsort(areas[defined], kind="stable")]
        defined = np.sort(np.r_[ranked[: CURVES // 2], ranked[-CURVES // 2 :]])
    return curves + [(labels[k], gold[:, k] > 0, scores[:, k]) for k in defined.tolist()]


def _points(label: str, **axes: np.ndarray) -> list[dict]:
    """Return at most `POINTS` points of a curve, with its two ends."""
    # even steps along the line, not over thresholds, most of which lie in an irrelevant range
    steps = sum(np.abs(np.diff(axis, prepend=axis[0])) for axis in axes.values())
    way = np.cumsum(steps)
    picked = np.unique(np.r_[0, np.searchsorted(way, np.linspace(0, way[-1], POINTS - 2)), len(way) - 1])
    columns = [np.round(axis[picked], 4).tolist() for axis in axes.values()]
    return [{"label": label} | dict(zip(axes, values, strict=True)) for values in zip(*columns, strict=True)]
