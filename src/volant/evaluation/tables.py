"""Rows of a report: metrics by label, the confusion, the predictions, and the worst errors."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from volant.kinds import Kind, Tallies
from volant.kinds.rates import AVERAGED, by_label, roc_auc
from volant.kinds.record import NOTHING, Annotation


def label_rows(labels: Sequence[str], tallies: Tallies, scores: np.ndarray) -> list[dict]:
    """Return precision, recall, F1, ROC-AUC (None where undefined), support and predictions of each label.

    A label that is neither in the gold nor predicted counts in no average, and its own metrics are None.

    Args:
        labels: The label set.
        tallies: Per-row counts.
        scores: Probability of each label, (rows, labels).
    """
    columns = {name: values[0] for name, values in by_label(tallies).items()}
    areas = roc_auc(tallies.gold, scores)[0]
    predictions = tallies.predicted.sum(axis=0)
    rows = []
    for k, label in enumerate(labels):
        present = columns["present"][k]
        rates = {name: float(columns[name][k]) if present else None for name in AVERAGED}
        area = None if np.isnan(areas[k]) else float(areas[k])
        counts = {"support": int(columns["support"][k]), "predicted": int(predictions[k])}
        rows.append({"label": label, **rates, "roc_auc": area, **counts})
    return rows


def confusion_pairs(labels: Sequence[str], tallies: Tallies) -> list[tuple[str, str]]:
    """Return gold and predicted label of every row; with several labels per text, of every hit and missed × wrong.

    Example:
        >>> from volant.kinds.rates import tally
        >>> gold = np.array([[True, True, False]])
        >>> predicted = np.array([[True, False, True]])
        >>> confusion_pairs(["a", "b", "c"], tally(gold, predicted))
        [('a', 'a'), ('b', 'c')]
    """
    pairs: list[tuple[str, str]] = []
    for hits, predicted, gold in zip(tallies.hits, tallies.predicted, tallies.gold, strict=True):
        right = np.flatnonzero(hits).tolist()
        missed = [labels[k] for k in np.flatnonzero(gold > hits).tolist()] or [NOTHING]
        wrong = [labels[k] for k in np.flatnonzero(predicted > hits).tolist()] or [NOTHING]
        pairs += [(labels[k], labels[k]) for k in right]
        pairs += [(m, w) for m in missed for w in wrong if (m, w) != (NOTHING, NOTHING)]
    return pairs


def expanded(table: Sequence[dict]) -> list[tuple[str, str]]:
    """Return gold and predicted label of every part of a table that counts them.

    Example:
        >>> expanded([{"gold": "a", "predicted": "b", "count": 2}])
        [('a', 'b'), ('a', 'b')]
    """
    return [(row["gold"], row["predicted"]) for row in table for _ in range(row["count"])]


def prediction_table(
    kind: Kind,
    labels: Sequence[str],
    test: pa.Table,
    predicted: Sequence[Annotation],
    tallies: Tallies,
    scores: np.ndarray,
) -> pa.Table:
    """Return id, text, gold, predicted, score, correct and the scores of all labels of every test row.

    Args:
        kind: Kind of prediction.
        labels: The label set.
        test: Test rows.
        predicted: Prediction for each row.
        tallies: Per-row counts.
        scores: Probability of each label, (rows, labels).
    """
    mask = tallies.predicted > 0
    # confidence: probability of the most probable predicted label, or that no label applies
    confidence = np.where(mask.any(axis=1), np.where(mask, scores, 0).max(axis=1), 1 - scores.max(axis=1))
    if kind.head != "text":  # a label's score is not that of each of its parts
        confidence = np.array([kind.confidence(annotation) for annotation in predicted])
    columns = [pa.array(scores[:, k], pa.float32()) for k in range(len(labels))]
    return pa.table(
        {
            "id": test.column("id"),
            "text": test.column("text"),
            "gold": pa.array([kind.cell(a) for a in kind.gold(test)], kind.types[0]),
            "predicted": pa.array([kind.cell(a) for a in predicted], kind.types[0]),
            "score": pa.array(confidence, pa.float32()),
            "correct": tallies.exact > 0,
            "scores": pa.StructArray.from_arrays(columns, names=list(labels)),
        }
    )


def worst_errors(predictions: pa.Table, tallies: Tallies, scores: np.ndarray, count: int) -> list[dict]:
    """Return the rows with the most confident wrong label first, then those that only miss labels.

    Args:
        predictions: Table of the predictions, a row per test row.
        tallies: Per-row counts.
        scores: Probability of each label, (rows, labels).
        count: Maximum number of rows.
    """
    wrong = tallies.predicted > tallies.hits
    missed = tallies.gold > tallies.hits
    # a wrong label has 1 to 2, a missed one below 1: false positives come before false negatives
    severity = np.where(missed, 1 - scores, -1.0)
    severity = np.where(wrong, 1 + scores, severity).max(axis=1)
    order = np.argsort(-severity, kind="stable")[: min(count, int((severity >= 0).sum()))]
    return predictions.select(["id", "text", "gold", "predicted", "score"]).take(order).to_pylist()
