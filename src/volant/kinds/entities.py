"""The kind with labelled spans of a text, such as the names of people and places."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from volant.kinds import bio, span_errors, spans
from volant.kinds.calibration import DIGITS, Calibration, score_matrix
from volant.kinds.labels import claims, column, plain
from volant.kinds.outputs import LOGITS, TokenOutputs
from volant.kinds.rates import Tallies, measure
from volant.kinds.record import SPANS, Annotation


@dataclass(frozen=True)
class Entities:
    """Labelled spans that don't overlap: a class for each token, decoded to whole spans."""

    name: str = "entities"
    columns: tuple[str, ...] = ("spans",)
    metrics: tuple[str, ...] = (
        "micro_f1",
        "macro_f1",
        "weighted_f1",
        "micro_precision",
        "micro_recall",
        "macro_precision",
        "macro_recall",
        "subset_accuracy",
    )
    exclusive: bool = False
    types: tuple[pa.DataType, pa.DataType] = (SPANS, pa.float64())
    head: str = "tokens"

    def cell(self, annotation: Annotation) -> list[dict[str, Any]]:
        """Return the spans as JSON."""
        return spans.to_json(annotation.spans)

    def read(self, cell: Sequence[Mapping[str, Any]] | None) -> Annotation:
        """Return the annotation of a list of spans."""
        return Annotation(spans=spans.from_json(cell))

    def labels_of(self, annotation: Annotation) -> tuple[str, ...]:
        """Return the different labels of the spans, in the order of the text."""
        return tuple(dict.fromkeys(span.label for span in annotation.spans))

    def annotate(self, labels: Sequence[str]) -> Annotation:  # noqa: ARG002
        """Return an annotation without spans: labels alone have no place in the text."""
        return Annotation()

    def renamed(self, annotation: Annotation, names: Mapping[str, str | None]) -> Annotation:
        """Return the annotation with its labels renamed; spans renamed to None are left out.

        Args:
            annotation: Gold as the source has it.
            names: Label in the source to label.
        """
        return Annotation(spans=spans.renamed(annotation.spans, names))

    def scored(self, annotation: Annotation) -> float:
        """Return the probability of the prediction."""
        return round(self.confidence(annotation), DIGITS)

    def confidence(self, annotation: Annotation) -> float:
        """Return the probability of the least probable span; without spans, that no label has one."""
        scores = [float(span.score) for span in annotation.spans if span.score is not None]
        return min(scores) if scores else 1 - float(max(annotation.scores.values(), default=0))

    def gold(self, table: pa.Table) -> list[Annotation]:
        """Return the spans of each row."""
        return [self.read(cell) for cell in column(table, self.columns[0])]

    def count(self, gold: Sequence[Annotation]) -> Counter[str]:
        """Return the number of rows with a span of each label."""
        return Counter(label for a in gold for label in self.labels_of(a))

    def outputs(self, labels: Sequence[str]) -> dict[str, int]:
        """Return the number of classes of a token."""
        return {LOGITS: bio.classes(labels)}

    def targets(
        self, gold: Sequence[Annotation], labels: Sequence[str], offsets: Sequence[np.ndarray] | None = None
    ) -> Any:
        """Return 1 where a row has a label, (N, L) float32; with offsets, the class of each token.

        Fails with `VolantError` if a label is not in the label set.

        Args:
            gold: Gold annotation of each row.
            labels: The label set.
            offsets: Characters of each token of each row.
        """
        held = spans.presence([self.labels_of(a) for a in gold], labels)
        return held if offsets is None else spans.targets([a.spans for a in gold], labels, offsets)

    def calibrate(
        self,
        outputs: TokenOutputs,
        targets: Sequence[np.ndarray],
        metric: str | None = None,  # noqa: ARG002
    ) -> Calibration:
        """Return the temperature of the classes, and the line that makes the scores of spans come true.

        Args:
            outputs: Uncalibrated outputs of validation.
            targets: Class of each token of validation.
            metric: Not used; this kind has no thresholds.
        """
        return spans.calibrate(outputs, targets)

    def loss(self, outputs: TokenOutputs, targets: Sequence[np.ndarray]) -> float:
        """Return the mean negative log-likelihood of the classes of tokens."""
        return spans.loss(outputs, targets)

    def probabilities(self, outputs: TokenOutputs, calibration: Calibration) -> TokenOutputs:
        """Return the probability of each class of each token, (T, C) float32 for each text."""
        return spans.probabilities(outputs, calibration.temperature)

    def uncalibrated(self, scores: np.ndarray, calibration: Calibration) -> np.ndarray:
        """Return the scores of labels, (N, L), as they would be without the line of spans.

        Args:
            scores: Calibrated score of each label, (N, L).
            calibration: Calibration that they were computed with.
        """
        return spans.unlined(scores, calibration)

    def decode(
        self,
        probabilities: TokenOutputs,
        labels: Sequence[str],
        calibration: Calibration,
        texts: Sequence[str] = (),
    ) -> list[Annotation]:
        """Return the spans of each text: the most likely classes in which none continues that has not begun.

        Args:
            probabilities: Probability of each class of each token, with the offsets of tokens.
            labels: The label set.
            calibration: Calibration with the line of spans.
            texts: The cleaned texts.
        """
        return spans.decode(probabilities, labels, calibration, texts)

    def claims(
        self, probabilities: np.ndarray, targets: np.ndarray, predicted: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the score of each label of each row, and a mask of those that the row has.

        Args:
            probabilities: Score of each label, (N, L).
            targets: 1 where a row has a label, (N, L).
            predicted: True where a label was predicted; with it, only those and likely ones are returned.
        """
        return claims(probabilities, targets, predicted)

    def tally(self, gold: Sequence[Annotation], predicted: Sequence[Annotation], labels: Sequence[str]) -> Tallies:
        """Return the counts of spans of each label: right, predicted and gold ones.

        Args:
            gold: Gold annotation of each row.
            predicted: Predicted annotation of each row.
            labels: The label set.
        """
        return spans.tally(gold, predicted, labels)

    def score(
        self, gold: Sequence[Annotation], predicted: Sequence[Annotation], labels: Sequence[str]
    ) -> dict[str, float]:
        """Return F1, precision and recall of whole spans (start, end and label), and the share of rows without error.

        Args:
            gold: Gold annotation of each row.
            predicted: Predicted annotation of each row.
            labels: The label set.

        Example:
            >>> from volant.kinds.record import Span
            >>> gold = [Annotation(spans=(Span(0, 4, "city"), Span(9, 12, "person")))]
            >>> KIND.score(gold, [Annotation(spans=(Span(0, 4, "city"),))], ["city", "person"])["micro_f1"]
            0.666...
        """
        return plain(measure(self.metrics, self.tally(gold, predicted, labels), score_matrix(predicted, labels)))

    def analysis(
        self, gold: Sequence[Annotation], predicted: Sequence[Annotation], labels: Sequence[str]
    ) -> dict[str, list[dict[str, Any]]]:
        """Return tables on the sorts of errors, partial matches, and lengths of spans.

        Args:
            gold: Gold annotation of each row.
            predicted: Predicted annotation of each row.
            labels: The label set.
        """
        return span_errors.analysis([a.spans for a in gold], [a.spans for a in predicted], labels)

    def baselines(
        self,
        train_gold: Sequence[Annotation],  # noqa: ARG002
        test_gold: Sequence[Annotation],
        labels: Sequence[str],
    ) -> dict[str, dict[str, float]]:
        """Return the metrics of no span at all, for both: a span at a random place is right once in thousands.

        Args:
            train_gold: Not used.
            test_gold: Gold of the test rows.
            labels: The label set.
        """
        nothing = self.score(test_gold, [Annotation()] * len(test_gold), labels)
        return {"majority": nothing, "chance": nothing}


KIND = Entities()
