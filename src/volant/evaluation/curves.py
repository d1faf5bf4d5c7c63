"""Points of ROC and precision-recall curves for plots."""

from collections.abc import Sequence

import numpy as np

from volant.kinds.rates import roc_auc

POINTS = 200  # points of a curve in a plot
CURVES = 10  # curves that can be distinguished in a plot
POOLED = "(all labels)"


def roc_rows(gold: np.ndarray, scores: np.ndarray, labels: Sequence[str]) -> list[dict]:
    """Return rows `label, fpr, tpr` of the labels that `chosen` selects; of two exclusive labels only the second.

    The curve of the other one is its mirror image.

    Args:
        gold: True where a label applies, (rows, labels).
        scores: Probability of each label, (rows, labels).
        labels: The label set.
    """
    rows: list[dict] = []
    for label, truth, score in chosen(gold, scores, labels):
        hits, answers = _counts(truth, score)
        misses = answers - hits
        rows += _points(label, fpr=misses / misses[-1], tpr=hits / hits[-1])
    exclusive = len(labels) == 2 and bool((gold.sum(axis=1) == 1).all())
    return [row for row in rows if row["label"] == labels[1]] if exclusive else rows


def pr_rows(gold: np.ndarray, scores: np.ndarray, labels: Sequence[str]) -> list[dict]:
    """Return rows `label, recall, precision` of the labels that `chosen` selects.

    Args:
        gold: True where a label applies, (rows, labels).
        scores: Probability of each label, (rows, labels).
        labels: The label set.
    """
    rows: list[dict] = []
    for label, truth, score in chosen(gold, scores, labels):
        hits, answers = _counts(truth, score)
        precision = np.divide(hits, answers, out=np.ones(len(hits)), where=answers > 0)
        rows += _points(label, recall=hits / hits[-1], precision=precision)
    return rows


def chosen(gold: np.ndarray, scores: np.ndarray, labels: Sequence[str]) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return name, gold (rows,) and scores (rows,) of each curve: of every label, or of the best, worst and all pooled.

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


def _counts(truth: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of rows with the label, and of all rows, that score at least each threshold.

    Thresholds are in descending order; the first one is above all scores.

    Example:
        >>> [counts.tolist() for counts in _counts(np.array([True, False, True]), np.array([0.9, 0.4, 0.4]))]
        [[0, 1, 2], [0, 1, 3]]
    """
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))  # equal scores come together
    return np.append(0, np.cumsum(truth[order])[ends]), np.append(0, ends + 1)


def _points(label: str, **axes: np.ndarray) -> list[dict]:
    """Return at most `POINTS` points of a curve, with its two ends."""
    # even steps along the line, not over thresholds, most of which lie in an irrelevant range
    steps = sum(np.abs(np.diff(axis, prepend=axis[0])) for axis in axes.values())
    distance = np.cumsum(steps)
    nearest = np.searchsorted(distance, np.linspace(0, distance[-1], POINTS - 2))
    positions = np.unique(np.r_[0, nearest, len(distance) - 1])
    columns = [np.round(axis[positions], 4).tolist() for axis in axes.values()]
    return [{"label": label} | dict(zip(axes, values, strict=True)) for values in zip(*columns, strict=True)]
