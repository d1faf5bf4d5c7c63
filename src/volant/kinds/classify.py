"""One label a text."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from volant.errors import VolantError
from volant.kinds.calibration import DIGITS, FEW, TINY, Calibration, fit_temperature, log_softmax, score_matrix
from volant.kinds.labels import column, constant_auc, place, plain
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
    exclusive: bool = True
    types: tuple[pa.DataType, pa.DataType] = (pa.string(), pa.float64())

    def cell(self, annotation: Annotation) -> str | None:
        """Return the label."""
        return annotation.label

    def read(self, cell: str | None) -> Annotation:
        """Return the annotation of a label."""
        return Annotation(label=cell)

    def labels_of(self, annotation: Annotation) -> tuple[str, ...]:
        """Return the label; nothing where a row has none."""
        return () if annotation.label is None else (annotation.label,)

    def annotate(self, labels: Sequence[str]) -> Annotation:
        """Return the annotation that holds this one label.

        Raises:
            VolantError: If there isn't exactly one.
        """
        if len(labels) != 1:
            raise VolantError(f"Each text has one label; {len(labels)} were given.")
        return Annotation(label=labels[0])

    def scored(self, annotation: Annotation) -> float:
        """Return the probability of the label."""
        return round(float(annotation.scores[str(annotation.label)]), DIGITS)

    def confidence(self, annotation: Annotation) -> float:
        """Return the probability of the label."""
        return float(annotation.scores[str(annotation.label)])

    def gold(self, table: pa.Table) -> list[Annotation]:
        """The label of each row."""
        return [self.read(label) for label in column(table, self.column)]

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
            >>> KIND.probabilities(np.array([[2.0, 2.0]]), Calibration()).tolist()
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
            >>> KIND.score(gold, gold[::-1], ["a", "b"])["micro_f1"]
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


KIND = Classify()
