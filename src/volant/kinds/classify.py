"""The kind with one label per text."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from volant.errors import VolantError
from volant.kinds.calibration import DIGITS, FEW, TINY, Calibration, fit_temperature, log_softmax, score_matrix
from volant.kinds.labels import column, constant_auc, place, plain
from volant.kinds.outputs import LOGITS
from volant.kinds.rates import Tallies, measure, tally
from volant.kinds.record import Annotation


@dataclass(frozen=True)
class Classify:
    """One label per text: softmax, one temperature, the most probable label."""

    name: str = "classify"
    columns: tuple[str, ...] = ("label",)
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
    head: Literal["text"] = "text"

    def cell(self, annotation: Annotation) -> str | None:
        """Return the label."""
        return annotation.label

    def read(self, cell: str | None) -> Annotation:
        """Return the annotation of a label."""
        return Annotation(label=cell)

    def labels_of(self, annotation: Annotation) -> tuple[str, ...]:
        """Return the label as a tuple; an empty one if the row has none."""
        return () if annotation.label is None else (annotation.label,)

    def annotate(self, labels: Sequence[str]) -> Annotation:
        """Return the annotation with this one label.

        Raises:
            VolantError: If there is not exactly one label.
        """
        if len(labels) != 1:
            raise VolantError(f"Each text has one label; {len(labels)} were given.")
        return Annotation(label=labels[0])

    def renamed(self, annotation: Annotation, names: Mapping[str, str | None]) -> Annotation:
        """Return the annotation with its labels renamed; those renamed to None are left out.

        Args:
            annotation: Gold as the source has it.
            names: Label in the source to label.
        """
        return Annotation(label=None if annotation.label is None else names[annotation.label])

    def scored(self, annotation: Annotation) -> float:
        """Return the probability of the label."""
        return round(float(annotation.scores[str(annotation.label)]), DIGITS)

    def confidence(self, annotation: Annotation) -> float:
        """Return the probability of the label."""
        return float(annotation.scores[str(annotation.label)])

    def gold(self, table: pa.Table) -> list[Annotation]:
        """Return the gold label of each row."""
        return [self.read(label) for label in column(table, self.columns[0])]

    def count(self, gold: Sequence[Annotation]) -> Counter[str]:
        """Return the number of rows of each label."""
        return Counter(a.label for a in gold if a.label is not None)

    def outputs(self, labels: Sequence[str]) -> dict[str, int]:
        """Return the number of labels, of the one output."""
        return {LOGITS: len(labels)}

    def targets(
        self,
        gold: Sequence[Annotation],
        labels: Sequence[str],
        offsets: Sequence[np.ndarray] | None = None,  # noqa: ARG002
    ) -> np.ndarray:
        """Return the position of each row's label in the label set, (N,) int64.

        Args:
            gold: Gold annotation of each row.
            labels: The label set.
            offsets: Not used; the labels are those of the whole text.

        Raises:
            VolantError: If a row's label is not in the label set.
        """
        places = {label: k for k, label in enumerate(labels)}
        return np.array([place(a.label, places, row) for row, a in enumerate(gold)], dtype=np.int64)

    def calibrate(self, logits: np.ndarray, targets: np.ndarray, metric: str | None = None) -> Calibration:  # noqa: ARG002
        """Return the temperature that makes the gold labels most likely; 1 where a few rows have one label only.

        Args:
            logits: Validation logits, (N, L).
            targets: Gold labels of validation, (N,) int64.
            metric: Not used; this kind has no thresholds.
        """
        if len(targets) < FEW and len(np.unique(targets)) < 2:
            return Calibration()
        return Calibration(fit_temperature(lambda t: self.loss(logits / t, targets), len(targets)))

    def loss(self, logits: np.ndarray, targets: np.ndarray) -> float:
        """Return the mean negative log-likelihood of the gold labels."""
        return float(-log_softmax(logits)[np.arange(len(targets)), targets].mean())

    def probabilities(self, logits: np.ndarray, calibration: Calibration) -> np.ndarray:
        """Return the softmax of logits / temperature, (N, L) float32.

        Example:
            >>> KIND.probabilities(np.array([[2.0, 2.0]]), Calibration()).tolist()
            [[0.5, 0.5]]
        """
        return np.exp(log_softmax(logits / calibration.temperature)).astype(np.float32)

    def uncalibrated(self, scores: np.ndarray, calibration: Calibration) -> np.ndarray:
        """Return the probabilities of labels, (N, L) float32, as they would be without calibration.

        Args:
            scores: Calibrated probability of each label, (N, L).
            calibration: Calibration that they were computed with.
        """
        return self.probabilities(self.logits(scores, calibration), Calibration())

    def logits(self, probabilities: np.ndarray, calibration: Calibration) -> np.ndarray:
        """Return logits that give these probabilities, (N, L): the inverse, up to a constant per row."""
        return np.log(np.maximum(probabilities.astype(np.float64), TINY)) * calibration.temperature

    def decode(
        self,
        probabilities: np.ndarray,
        labels: Sequence[str],
        calibration: Calibration,  # noqa: ARG002
        texts: Sequence[str] = (),  # noqa: ARG002
    ) -> list[Annotation]:
        """Return the most probable label of each row; on a tie, the first in the label set.

        Args:
            probabilities: Calibrated probabilities, (N, L).
            labels: The label set.
            calibration: Not used; this kind has no thresholds.
            texts: Not used.
        """
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
        """Return the confidence of each prediction, (N,), and a mask of those that are correct, (N,).

        Args:
            probabilities: Calibrated probabilities, (N, L).
            targets: Gold labels, (N,) int64.
            predicted: Not used; each row has one prediction.
        """
        return probabilities.max(axis=1), probabilities.argmax(axis=1) == targets

    def tally(self, gold: Sequence[Annotation], predicted: Sequence[Annotation], labels: Sequence[str]) -> Tallies:
        """Return per-row counts: a hit for each row whose label is correct.

        Args:
            gold: Gold annotation of each row.
            predicted: Predicted annotation of each row.
            labels: The label set.
        """
        eye = np.eye(len(labels), dtype=bool)
        return tally(eye[self.targets(gold, labels)], eye[self.targets(predicted, labels)])

    def score(
        self, gold: Sequence[Annotation], predicted: Sequence[Annotation], labels: Sequence[str]
    ) -> dict[str, float]:
        """Return accuracy; macro, weighted and micro F1, precision and recall; macro ROC-AUC if every label has rows.

        Args:
            gold: Gold annotation of each row.
            predicted: Predicted annotation of each row; ROC-AUC needs its scores.
            labels: The label set.

        Example:
            >>> gold = [Annotation(label=x) for x in "aab"]
            >>> KIND.score(gold, gold[::-1], ["a", "b"])["micro_f1"]
            0.333...
        """
        counts = self.tally(gold, predicted, labels)
        return plain(measure(self.metrics, counts, score_matrix(predicted, labels)))

    def analysis(
        self,
        gold: Sequence[Annotation],  # noqa: ARG002
        predicted: Sequence[Annotation],  # noqa: ARG002
        labels: Sequence[str],  # noqa: ARG002
    ) -> dict[str, list[dict[str, Any]]]:
        """Return no tables: the report has metrics by label, and the confusion.

        Args:
            gold: Not used.
            predicted: Not used.
            labels: Not used.
        """
        return {}

    def baselines(
        self, train_gold: Sequence[Annotation], test_gold: Sequence[Annotation], labels: Sequence[str]
    ) -> dict[str, dict[str, float]]:
        """Return the metrics of train's most frequent label, and of guesses in proportion to train's label counts.

        The guess is scored by its expected counts, not by sampling: with L labels of equal size it gives 1 / L.

        Args:
            train_gold: Gold of the train rows.
            test_gold: Gold of the test rows.
            labels: The label set.
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
