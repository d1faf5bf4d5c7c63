"""Accuracy, precision, recall, F1 and ROC-AUC from per-row counts, for one sample or many resamples at once.

A kind defines only its hits; every metric and its bootstrap interval follow from the same few sums.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

# words in the names of metrics and costs where lower is better
LOWER_IS_BETTER = frozenset({"loss", "ece", "error", "brier", "latency", "size", "bytes", "seconds"})
AVERAGED = ("precision", "recall", "f1")


def lower_is_better(metric: str) -> bool:
    """Return True if lower values of a metric are better, as the words in its name say.

    Example:
        >>> [lower_is_better(name) for name in ("hamming_loss", "latency_p50_ms", "val_f1_weighted")]
        [True, True, False]
    """
    return not LOWER_IS_BETTER.isdisjoint(re.split(r"[_\W]+", metric))


def gain_sign(metric: str) -> int:
    """Return 1 if higher values of a metric are better, -1 if lower ones are: a gain times this is positive."""
    return -1 if lower_is_better(metric) else 1


@dataclass(frozen=True)
class Tallies:
    """Per-row counts of hits, predictions and gold by label.

    Attributes:
        hits: Number of times the label was predicted and correct, (rows, labels).
        predicted: Number of times it was predicted, (rows, labels).
        gold: Number of times it is in the gold, (rows, labels).
        exact: True if the whole row is correct, (rows,).
        parts: Labels that have metrics of their own, such as slots beside intents: their positions, by name.
    """

    hits: np.ndarray
    predicted: np.ndarray
    gold: np.ndarray
    exact: np.ndarray
    parts: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def of(self, rows: np.ndarray) -> "Tallies":
        """Return the counts of some rows, given as positions or as a mask."""
        return Tallies(self.hits[rows], self.predicted[rows], self.gold[rows], self.exact[rows], self.parts)

    def on(self, labels: Sequence[int]) -> "Tallies":
        """Return the counts of some labels, given as positions; a row is correct if it is for these labels.

        Example:
            >>> tallies = tally(np.array([[1, 1]], dtype=bool), np.array([[1, 0]], dtype=bool))
            >>> tallies.exact.item(), tallies.on([0]).exact.item()
            (0.0, 1.0)
        """
        if list(labels) == list(range(self.gold.shape[1])):
            return self
        hits, predicted, gold = (matrix[:, labels] for matrix in (self.hits, self.predicted, self.gold))
        exact = ((hits == gold) & (predicted == gold)).all(axis=1).astype(np.float32)
        parts = {name: np.flatnonzero(np.isin(labels, own)).tolist() for name, own in self.parts.items()}
        return Tallies(hits, predicted, gold, exact, parts)


def tally(gold: np.ndarray, predicted: np.ndarray) -> Tallies:
    """Return the tallies of two boolean (rows, labels) matrices: the gold and the predicted labels."""
    # float32 because sums are BLAS products: whole numbers stay exact up to 16.7 million
    gold32 = gold.astype(np.float32)
    predicted32 = predicted.astype(np.float32)
    exact = (gold == predicted).all(axis=1).astype(np.float32)
    return Tallies(gold32 * predicted32, predicted32, gold32, exact)


def by_label(tallies: Tallies, weights: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Return precision, recall, F1 and support of each label, (labels,) or, with weights, (samples, labels).

    Undefined values (the precision of a label that was never predicted) are 0, as in scikit-learn.

    Args:
        tallies: Per-row counts.
        weights: Number of times each row was drawn in each sample, (samples, rows); once each by default.

    Example:
        >>> gold = np.array([[1, 0], [1, 0], [0, 1]], dtype=bool)
        >>> predicted = np.array([[1, 0], [0, 1], [0, 1]], dtype=bool)
        >>> by_label(tally(gold, predicted))["f1"].round(3).tolist()
        [[0.667, 0.667]]
    """
    hits, predicted, gold = (_total(matrix, weights) for matrix in (tallies.hits, tallies.predicted, tallies.gold))
    return {
        "precision": _share(hits, predicted),
        "recall": _share(hits, gold),
        "f1": _share(2 * hits, predicted + gold),
        "support": gold,
        "present": (predicted + gold) > 0,
    }


def measure(
    names: Sequence[str], tallies: Tallies, scores: np.ndarray | None, weights: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Return the metrics of those names, one value per sample, (samples,).

    Args:
        names: Metrics, as a kind lists them.
        tallies: Per-row counts.
        scores: Probability of each label, (rows, labels); without it there is no ROC-AUC.
        weights: Number of times each row was drawn in each sample, (samples, rows); once each by default.
    """
    values = overall(tallies, weights)
    if scores is not None and "roc_auc" in names:
        values["roc_auc"] = roc_auc(tallies.gold, scores, weights).mean(axis=1)
    return {name: values[name] for name in names if name in values}


def overall(tallies: Tallies, weights: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Return the averages over labels and rows, one value per sample, (samples,) each.

    Macro averages cover the labels that occur in the sample's gold or predictions: a label that a small test set lacks
    is not an error.
    """
    labels = by_label(tallies, weights)
    present = labels["present"].astype(float)
    support = labels["support"]
    hits, predicted = (_total(matrix, weights).sum(axis=1) for matrix in (tallies.hits, tallies.predicted))
    gold = support.sum(axis=1)
    rows = _total(np.ones((len(tallies.exact), 1), np.float32), weights)[:, 0]
    wrong = predicted + gold - 2 * hits
    exact = _share(_total(tallies.exact[:, None], weights)[:, 0], rows)
    averages = {f"macro_{name}": _share((labels[name] * present).sum(axis=1), present.sum(axis=1)) for name in AVERAGED}
    averages |= {f"weighted_{name}": _share((labels[name] * support).sum(axis=1), gold) for name in AVERAGED}
    return (
        averages
        | _of_parts(tallies, weights)
        | {
            "accuracy": exact,
            "subset_accuracy": exact,  # the name where a row is correct only if all its labels are
            "exact_match": exact,  # the name where a row has a label and parts
            "micro_f1": _share(2 * hits, predicted + gold),
            "micro_precision": _share(hits, predicted),
            "micro_recall": _share(hits, gold),
            "hamming_loss": _share(wrong, rows * tallies.gold.shape[1]),
        }
    )


def _of_parts(tallies: Tallies, weights: np.ndarray | None) -> dict[str, np.ndarray]:
    """Return accuracy (of one label per row), precision, recall and F1 of each part of the labels, by name."""
    values = {}
    for name, labels in tallies.parts.items():
        chosen = (matrix[:, labels] for matrix in (tallies.hits, tallies.predicted, tallies.gold))
        hits, predicted, gold = (_total(matrix, weights).sum(axis=1) for matrix in chosen)
        values[f"{name}_accuracy"] = _share(hits, gold)
        values[f"{name}_precision"] = _share(hits, predicted)
        values[f"{name}_recall"] = _share(hits, gold)
        values[f"{name}_f1"] = _share(2 * hits, predicted + gold)
    return values


def roc_auc(gold: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Return the area under the ROC curve of each label against the rest, (samples, labels); NaN where undefined.

    It is the probability that a row with the label scores above a row without it; ties count half.

    Args:
        gold: True where a label applies, (rows, labels).
        scores: Probability of each label, (rows, labels).
        weights: Number of times each row was drawn in each sample, (samples, rows); once each by default.

    Example:
        >>> roc_auc(np.array([[0], [0], [1], [1]]), np.array([[0.1], [0.4], [0.35], [0.8]])).item()
        0.75
    """
    drawn = np.ones((len(gold), 1)) if weights is None else np.ascontiguousarray(weights.T)
    columns = [_column_auc(gold[:, k] > 0, scores[:, k], drawn) for k in range(gold.shape[1])]
    return np.stack(columns, axis=1)


def _column_auc(gold: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return `roc_auc` of one label, (samples,); weights are (rows, samples).

    Only the order of positives and negatives counts, so consecutive rows of the same gold are summed before they are
    compared.
    """
    blocks = _blocks(gold, scores)
    positives, negatives = (_grouped(blocks, rows, weights) for rows in (gold, ~gold))
    below = np.cumsum(negatives, axis=0)
    wins = np.einsum("bs,bs->s", positives, below - negatives / 2)
    pairs = positives.sum(axis=0) * below[-1]
    return np.divide(wins, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def _blocks(gold: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the number of each row's block (rows,), lowest scores first: equal scores, or neighbours of the same gold.

    Example:
        >>> _blocks(np.array([False, False, True, True, False]), np.array([0.1, 0.2, 0.3, 0.4, 0.4])).tolist()
        [0, 0, 1, 2, 2]
    """
    level = np.unique(scores, return_inverse=True)[1]
    share = np.bincount(level, gold) / np.bincount(level)  # share of rows with the label; between 0 and 1 in a tie
    starts = (share[1:] != share[:-1]) | ((share[1:] > 0) & (share[1:] < 1))
    return np.concatenate([[0], np.cumsum(starts)])[level]


def _grouped(blocks: np.ndarray, rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weights of some of the rows, summed by block, (blocks, samples) float64."""
    from scipy.sparse import csr_array

    ones = np.ones(np.count_nonzero(rows), dtype=weights.dtype)
    ends = np.append(0, np.cumsum(rows))
    members = csr_array((ones, blocks[rows], ends), shape=(len(blocks), int(blocks.max(initial=0)) + 1))
    return (members.T @ weights).astype(np.float64)


def _total(matrix: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Return the sums over rows, (samples, columns) float64."""
    total = matrix.sum(axis=0, keepdims=True) if weights is None else weights.astype(np.float32) @ matrix
    return total.astype(np.float64)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros_like(part, dtype=np.float64), where=whole > 0)
