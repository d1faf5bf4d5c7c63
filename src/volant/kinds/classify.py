"""One label a text."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from volant.errors import VolantError, did_you_mean
from volant.kinds.calibration import FEW, TINY, Calibration, fit_temperature, log_softmax, score_matrix
from volant.kinds.rates import Tallies, measure, tally
from volant.kinds.record import Annotation


@dataclass(frozen=True)
class Classify:
    """One label a text: softmax, one temperature, the most probable label."""

    name: str = "classify"
    column: str = "label"
    metrics: tuple[str, ...] = (
        "accuracy",
        "macro_f1",
        "weighted_f1",
        "micro_f1",
        "macro_precision",
        "macro_recall",
        "roc_auc",
        "weighted_precision",
        "weighted_recall",
        "micro_precision",
        "micro_recall",
    )

    def gold(self, table: pa.Table) -> list[Annotation]:
        """The label of each row."""
        return [Annotation(label=label) for label in column(table, self.column)]

    def count(self, gold: Sequence[Annotation]) -> Counter[str]:
        """Rows of each label."""
        return Counter(a.label for a in gold if a.label is not None)

    def targets(self, gold: Sequence[Annotation], labels: Sequence[str]) -> np.ndarray:
        """Position of each row's label in the label set, (N,) int64.

        Raises:
            VolantError: If a row's label is not in the label set.
        """
        places = {label: k for k, label in enumerate(labels)}
        return np.array([place(a.label, places, row) for row, a in enumerate(gold)], dtype=np.int64)

    def calibrate(self, logits: np.ndarray, targets: np.ndarray, metric: str | None = None) -> Calibration:  # noqa: ARG002
        """The temperature that makes validation's gold labels most likely; 1 where a few rows hold one label only."""
        if len(targets) < FEW and len(np.unique(targets)) < 2:
            return Calibration()
        return Calibration(fit_temperature(lambda t: self.loss(logits / t, targets), len(targets)))

    def loss(self, logits: np.ndarray, targets: np.ndarray) -> float:
        """Mean negative log-likelihood of the gold labels."""
        return float(-log_softmax(logits)[np.arange(len(targets)), targets].mean())

    def probabilities(self, logits: np.ndarray, calibration: Calibration) -> np.ndarray:
        """Softmax of logits / temperature, (N, L) float32.

        Example:
            >>> CLASSIFY.probabilities(np.array([[2.0, 2.0]]), Calibration()).tolist()
            [[0.5, 0.5]]
        """
        return np.exp(log_softmax(logits / calibration.temperature)).astype(np.float32)

    def logits(self, probabilities: np.ndarray, calibration: Calibration) -> np.ndarray:
        """Logits that give these probabilities: the way back, up to a constant a row."""
        return np.log(np.maximum(probabilities.astype(np.float64), TINY)) * calibration.temperature

    def decode(
        self,
        probabilities: np.ndarray,
        labels: Sequence[str],
        calibration: Calibration,  # noqa: ARG002
    ) -> list[Annotation]:
        """The most probable label of each row; the first of the label set on a tie."""
        best = probabilities.argmax(axis=1).tolist() if len(probabilities) else []
        rows = probabilities.tolist()
        return [
            Annotation(label=labels[int(k)], scores=dict(zip(labels, row, strict=True)))
            for k, row in zip(best, rows, strict=True)
        ]

    def claims(
        self,
        probabilities: np.ndarray,
        targets: np.ndarray,
        predicted: np.ndarray | None = None,  # noqa: ARG002
    ) -> tuple[np.ndarray, np.ndarray]:
        """How sure each answer is, and whether it is right, (N,)."""
        return probabilities.max(axis=1), probabilities.argmax(axis=1) == targets

    def tally(self, gold: Sequence[Annotation], predicted: Sequence[Annotation], labels: Sequence[str]) -> Tallies:
        """One hit a row where the label is right."""
        eye = np.eye(len(labels), dtype=bool)
        return tally(eye[self.targets(gold, labels)], eye[self.targets(predicted, labels)])

    def score(
        self, gold: Sequence[Annotation], predicted: Sequence[Annotation], labels: Sequence[str]
    ) -> dict[str, float]:
        """Accuracy; F1, precision and recall, macro, weighted and micro; macro ROC-AUC where every label has rows.

        Example:
            >>> gold = [Annotation(label=x) for x in "aab"]
            >>> CLASSIFY.score(gold, gold[::-1], ["a", "b"])["micro_f1"]
            0.333...
        """
        counts = self.tally(gold, predicted, labels)
        return plain(measure(self.metrics, counts, score_matrix(predicted, labels)))

    def baselines(
        self, train_gold: Sequence[Annotation], test_gold: Sequence[Annotation], labels: Sequence[str]
    ) -> dict[str, dict[str, float]]:
        """Always train's most frequent label; and a guess that names each label as often as train holds it.

        The guess is scored by its expected counts, not by drawing: on L labels of one size it gives 1 / L.
        """
        counts = self.count(train_gold)
        shares = np.array([counts[label] for label in labels], dtype=np.float64)
        shares = shares / max(shares.sum(), 1)
        most = labels[int(shares.argmax())]
        majority = self.score(test_gold, [Annotation(label=most)] * len(test_gold), labels)
        gold = np.eye(len(labels))[self.targets(test_gold, labels)]
        guess = np.broadcast_to(shares, gold.shape)
        expected = Tallies(gold * guess, guess, gold, (gold * guess).sum(axis=1))
        chance = plain(measure(self.metrics, expected, None))
        ranks = constant_auc(gold)
        return {"majority": majority | ranks, "chance": chance | ranks}


def column(table: pa.Table, name: str) -> list:
    """The values of a target column.

    Raises:
        VolantError: If the table lacks it.
    """
    if name not in table.column_names:
        raise VolantError(
            f"The rows have no column '{name}'. They have: {', '.join(table.column_names)}. "
            "Map your column to it under `source` in conf/flywheel/<name>.yaml."
        )
    return table.column(name).to_pylist()


def place(label: str | None, places: dict[str, int], row: int) -> int:
    """Where a label stands in the label set.

    Raises:
        VolantError: If it is not there, or the row has none.
    """
    if label in places:
        return places[label]
    given = f"has the label '{label}', which is not in the label set" if label is not None else "has no label"
    known = ", ".join(list(places)[:30])
    raise VolantError(
        f"Row {row} {given}.{did_you_mean(str(label), places)} "
        f"Labels: {known}{', …' if len(places) > 30 else ''}. "
        "Mend the data, or name every label under `labels` in conf/flywheel/<name>.yaml and train again."
    )


def plain(values: dict[str, np.ndarray]) -> dict[str, float]:
    """Python numbers of one sample, without those that are undefined."""
    return {name: value.item() for name, value in values.items() if not np.isnan(value.item())}


def constant_auc(gold: np.ndarray) -> dict[str, float]:
    """The ROC-AUC of an answer that is always the same: it ranks nothing, half of the pairs are right."""
    return {"roc_auc": 0.5} if (gold.any(axis=0) & ~gold.all(axis=0)).all() else {}


CLASSIFY = Classify()
