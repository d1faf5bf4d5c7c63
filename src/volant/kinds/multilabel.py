"""The kind with any number of labels per text."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from volant.kinds.calibration import DIGITS, TINY, Calibration, fit_lines, fit_temperature, score_matrix
from volant.kinds.labels import claims, column, constant_auc, place, plain
from volant.kinds.outputs import LOGITS
from volant.kinds.rates import Tallies, by_label, measure, overall, tally
from volant.kinds.record import Annotation

GRID = np.arange(2, 99) / 100  # candidate thresholds; two decimals are readable in a manifest
TRUSTED = 20  # positives at which a label's own best threshold weighs as much as the shared one


@dataclass(frozen=True)
class Multilabel:
    """Any number of labels per text: sigmoid, one temperature; a slope, an offset and a threshold per label."""

    name: str = "multilabel"
    columns: tuple[str, ...] = ("labels",)
    metrics: tuple[str, ...] = (
        "macro_f1",
        "micro_f1",
        "weighted_f1",
        "subset_accuracy",
        "macro_precision",
        "macro_recall",
        "hamming_loss",
        "roc_auc",
        "weighted_precision",
        "weighted_recall",
        "micro_precision",
        "micro_recall",
    )
    exclusive: bool = False
    types: tuple[pa.DataType, pa.DataType] = (pa.list_(pa.string()), pa.list_(pa.float64()))
    head: Literal["text"] = "text"

    def cell(self, annotation: Annotation) -> list[str]:
        """Return the labels."""
        return list(annotation.labels)

    def read(self, cell: Sequence[str] | None) -> Annotation:
        """Return the annotation of a list of labels; an empty or missing list gives no labels."""
        return Annotation(labels=tuple(cell or ()))

    def labels_of(self, annotation: Annotation) -> tuple[str, ...]:
        """Return the labels."""
        return annotation.labels

    def annotate(self, labels: Sequence[str]) -> Annotation:
        """Return the annotation with these labels."""
        return Annotation(labels=tuple(labels))

    def renamed(self, annotation: Annotation, names: Mapping[str, str | None]) -> Annotation:
        """Return the annotation with its labels renamed; those renamed to None are left out.

        Args:
            annotation: Gold as the source has it.
            names: Label in the source to label.
        """
        labels = (names[label] for label in annotation.labels)
        return Annotation(labels=tuple(dict.fromkeys(label for label in labels if label is not None)))

    def scored(self, annotation: Annotation) -> dict[str, float]:
        """Return the probability of each predicted label."""
        return {label: round(float(annotation.scores[label]), DIGITS) for label in annotation.labels}

    def confidence(self, annotation: Annotation) -> float:
        """Return the probability of the most probable label: of those predicted, or of all if none is."""
        return float(max((annotation.scores[label] for label in annotation.labels or annotation.scores), default=0))

    def gold(self, table: pa.Table) -> list[Annotation]:
        """Return the gold labels of each row."""
        return [self.read(labels) for labels in column(table, self.columns[0])]

    def count(self, gold: Sequence[Annotation]) -> Counter[str]:
        """Return the number of rows with each label."""
        return Counter(label for a in gold for label in dict.fromkeys(a.labels))

    def outputs(self, labels: Sequence[str]) -> dict[str, int]:
        """Return the number of labels, of the one output."""
        return {LOGITS: len(labels)}

    def targets(
        self,
        gold: Sequence[Annotation],
        labels: Sequence[str],
        offsets: Sequence[np.ndarray] | None = None,  # noqa: ARG002
    ) -> np.ndarray:
        """Return 1 where a label applies, else 0, (N, L) float32.

        Args:
            gold: Gold annotation of each row.
            labels: The label set.
            offsets: Not used; the labels are those of the whole text.

        Raises:
            VolantError: If a row has a label that is not in the label set.
        """
        places = {label: k for k, label in enumerate(labels)}
        matrix = np.zeros((len(gold), len(labels)), dtype=np.float32)
        for row, a in enumerate(gold):
            for label in a.labels:
                matrix[row, place(label, places, row)] = 1
        return matrix

    def calibrate(self, logits: np.ndarray, targets: np.ndarray, metric: str | None = None) -> Calibration:
        """Fit one temperature, a slope and an offset per label, then the thresholds.

        Args:
            logits: Validation logits, (N, L).
            targets: 1 where a label applies, else 0, (N, L).
            metric: Metric that the thresholds maximise; macro F1 by default.
        """
        if len(targets) == 0:
            return Calibration(thresholds=(0.5,) * logits.shape[1])
        temperature = fit_temperature(lambda t: self.loss(logits / t, targets), len(targets))
        slopes, offsets = fit_lines(logits / temperature, targets)
        probabilities = self.probabilities(logits, Calibration(temperature, (), slopes, offsets))
        shared = metric in ("micro_f1", "subset_accuracy", "hamming_loss")
        chosen = _shared(probabilities, targets, str(metric)) if shared else _by_label(probabilities, targets)
        return Calibration(temperature, tuple(float(t) for t in chosen), slopes, offsets)

    def loss(self, logits: np.ndarray, targets: np.ndarray) -> float:
        """Return the mean negative log-likelihood of independent labels, computed from logits to avoid log 0."""
        return float((np.logaddexp(0, logits) - targets * logits).mean())

    def probabilities(self, logits: np.ndarray, calibration: Calibration) -> np.ndarray:
        """Return the sigmoid of logits / temperature x slope + offset, (N, L) float32.

        Example:
            >>> KIND.probabilities(np.array([[0.0, 100.0]]), Calibration()).tolist()
            [[0.5, 1.0]]
        """
        from scipy.special import expit

        slopes, offsets = _lines(calibration)
        return expit(logits.astype(np.float64) / calibration.temperature * slopes + offsets).astype(np.float32)

    def uncalibrated(self, scores: np.ndarray, calibration: Calibration) -> np.ndarray:
        """Return the probabilities of labels, (N, L) float32, as they would be without calibration.

        Args:
            scores: Calibrated probability of each label, (N, L).
            calibration: Calibration that they were computed with.
        """
        return self.probabilities(self.logits(scores, calibration), Calibration())

    def logits(self, probabilities: np.ndarray, calibration: Calibration) -> np.ndarray:
        """Return logits that give these probabilities, (N, L): the inverse."""
        p = np.clip(probabilities.astype(np.float64), TINY, 1 - TINY)
        slopes, offsets = _lines(calibration)
        return (np.log(p) - np.log1p(-p) - offsets) / slopes * calibration.temperature

    def decode(
        self,
        probabilities: np.ndarray,
        labels: Sequence[str],
        calibration: Calibration,
        texts: Sequence[str] = (),  # noqa: ARG002
    ) -> list[Annotation]:
        """Return every label at or above its threshold, in the order of the label set; an empty tuple if there is none.

        Args:
            probabilities: Calibrated probabilities, (N, L).
            labels: The label set.
            calibration: Calibration with the thresholds, (L,).
            texts: Not used.
        """
        applies = probabilities >= np.array(calibration.thresholds or 0.5, dtype=np.float32)
        return [
            Annotation(labels=tuple(compress(labels, row)), scores=dict(zip(labels, scores, strict=True)))
            for row, scores in zip(applies.tolist(), probabilities.tolist(), strict=True)
        ]

    def claims(
        self, probabilities: np.ndarray, targets: np.ndarray, predicted: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the probability of each label of each row, (claims,), and a mask of those that apply, (claims,).

        Args:
            probabilities: Calibrated probabilities, (N, L).
            targets: 1 where a label applies, else 0, (N, L).
            predicted: True where a label was predicted, (N, L); if given, only those are returned, and those with a
                probability of at least `labels.CLAIM`. Nearly all others are near 0 and correct, and would hide the
                error of the rest.
        """
        return claims(probabilities, targets, predicted)

    def tally(self, gold: Sequence[Annotation], predicted: Sequence[Annotation], labels: Sequence[str]) -> Tallies:
        """Return per-row counts: a hit for every gold label that was predicted.

        Args:
            gold: Gold annotation of each row.
            predicted: Predicted annotation of each row.
            labels: The label set.
        """
        return tally(self.targets(gold, labels) > 0, self.targets(predicted, labels) > 0)

    def score(
        self, gold: Sequence[Annotation], predicted: Sequence[Annotation], labels: Sequence[str]
    ) -> dict[str, float]:
        """Return F1, precision and recall, subset accuracy (all labels of a row correct), Hamming loss, macro ROC-AUC.

        Args:
            gold: Gold annotation of each row.
            predicted: Predicted annotation of each row; ROC-AUC needs its scores.
            labels: The label set.

        Example:
            >>> gold = [Annotation(labels=("a", "b")), Annotation(labels=("a",))]
            >>> KIND.score(gold, [gold[1], gold[1]], ["a", "b"])["subset_accuracy"]
            0.5
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
        """Return the metrics of train's most frequent label set, and of guesses in proportion to train's label counts.

        The guess is scored by its expected counts, each label drawn independently.

        Args:
            train_gold: Gold of the train rows.
            test_gold: Gold of the test rows.
            labels: The label set.
        """
        usual = Counter(frozenset(a.labels) for a in train_gold)
        most = min(usual, key=lambda s: (-usual[s], sorted(s)), default=frozenset())
        majority = self.score(test_gold, [Annotation(labels=tuple(most))] * len(test_gold), labels)
        gold = self.targets(test_gold, labels).astype(np.float64)
        counts = self.count(train_gold)
        rates = np.array([counts[label] for label in labels]) / max(len(train_gold), 1)
        guess = np.broadcast_to(rates, gold.shape)
        exact = np.where(gold > 0, guess, 1 - guess).prod(axis=1)
        chance = plain(measure(self.metrics, Tallies(gold * guess, guess, gold, exact), None))
        ranks = constant_auc(gold)
        return {"majority": majority | ranks, "chance": chance | ranks}


def _lines(calibration: Calibration) -> tuple[np.ndarray, np.ndarray]:
    """Return the slope and offset of each label, (L,); scalars if none were fitted."""
    return np.array(calibration.slopes or (1.0,)), np.array(calibration.offsets or (0.0,))


def _by_label(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the threshold of each label, (L,), that maximises its F1, shrunk toward a shared threshold.

    The best threshold of a label with five positives is mostly chance. So each label maximises a weighted mean of its
    own F1 and of macro F1 at a shared threshold: its number of positives against `TRUSTED`.
    """
    gold = targets > 0
    own = np.concatenate([by_label(tally(gold, probabilities >= t))["f1"] for t in GRID.astype(np.float32)])
    weight = gold.sum(axis=0) / (gold.sum(axis=0) + TRUSTED)
    blended = weight * own + (1 - weight) * own.mean(axis=1, keepdims=True)  # (thresholds, labels)
    return GRID[blended.argmax(axis=0)]


def _shared(probabilities: np.ndarray, targets: np.ndarray, metric: str) -> np.ndarray:
    """Return one threshold for all labels, (L,): the best for a metric that is not an average over labels."""
    sign = -1 if metric == "hamming_loss" else 1
    tallies = (tally(targets > 0, probabilities >= t) for t in GRID.astype(np.float32))
    scores = [sign * overall(counts)[metric].item() for counts in tallies]
    return np.full(targets.shape[1], GRID[int(np.argmax(scores))])


KIND = Multilabel()
