"""The kind with facts that a text states: a subject, a predicate and an object, both of them parts of the text."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import numpy as np
import pyarrow as pa

from volant.kinds import facts, mentions, overlaps, spans
from volant.kinds.calibration import DIGITS, Calibration, score_matrix
from volant.kinds.labels import claims, column, plain
from volant.kinds.outputs import CANDIDATES, TokenOutputs
from volant.kinds.rates import Tallies, measure
from volant.kinds.record import TRIPLES, Annotation


@dataclass(frozen=True)
class Triples:
    """Facts whose labels are their predicates; a text may have any number, and parts of it may be in several."""

    name: str = "triples"
    columns: tuple[str, ...] = ("triples",)
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
    types: tuple[pa.DataType, pa.DataType] = (TRIPLES, pa.float64())
    head: str = "pairs"

    def cell(self, annotation: Annotation) -> list[dict[str, Any]]:
        """Return the facts as JSON."""
        return facts.to_json(annotation.triples)

    def read(self, cell: Sequence[Mapping[str, Any]] | None) -> Annotation:
        """Return the annotation of a list of facts, each fact once.

        Fails with `ValueError` if a part of a fact is empty.
        """
        return Annotation(triples=facts.from_json(cell))

    def labels_of(self, annotation: Annotation) -> tuple[str, ...]:
        """Return the different predicates, in the order of the facts."""
        return tuple(dict.fromkeys(triple.predicate for triple in annotation.triples))

    def annotate(self, labels: Sequence[str]) -> Annotation:  # noqa: ARG002
        """Return an annotation without facts: predicates alone have no subject and no object."""
        return Annotation()

    def renamed(self, annotation: Annotation, names: Mapping[str, str | None]) -> Annotation:
        """Return the annotation with its predicates renamed; facts whose predicate becomes None are left out.

        Args:
            annotation: Gold as the source has it.
            names: Predicate in the source to predicate.
        """
        named = ((triple, names[triple.predicate]) for triple in annotation.triples)
        triples = (replace(triple, predicate=name) for triple, name in named if name is not None)
        return Annotation(triples=tuple(dict.fromkeys(triples)))

    def scored(self, annotation: Annotation) -> float:
        """Return the probability of the prediction."""
        return round(self.confidence(annotation), DIGITS)

    def confidence(self, annotation: Annotation) -> float:
        """Return the probability of the least probable fact; without facts, that there is none."""
        scores = [float(triple.score) for triple in annotation.triples if triple.score is not None]
        return min(scores) if scores else 1 - float(max(annotation.scores.values(), default=0))

    def gold(self, table: pa.Table) -> list[Annotation]:
        """Return the facts of each row, with the characters of their parts where the table has the text."""
        annotations = [self.read(cell) for cell in column(table, self.columns[0])]
        if "text" not in table.column_names:
            return annotations
        rows = zip(annotations, table["text"].to_pylist(), strict=True)
        return [replace(a, triples=mentions.all_located(a.triples, text or "")) for a, text in rows]

    def count(self, gold: Sequence[Annotation]) -> Counter[str]:
        """Return the number of rows with a fact of each predicate."""
        return Counter(label for a in gold for label in self.labels_of(a))

    def outputs(self, labels: Sequence[str]) -> dict[str, int]:
        """Return the number of predicates that a pair of parts may have."""
        return {CANDIDATES: len(labels)}

    def targets(
        self, gold: Sequence[Annotation], labels: Sequence[str], offsets: Sequence[np.ndarray] | None = None
    ) -> Any:
        """Return 1 where a row has a predicate, (N, L) float32; with offsets, the predicate and tokens of each fact.

        A fact whose subject or object is not in the text can't be learned: its tokens are -1.

        Fails with `VolantError` if a predicate is not in the label set.

        Args:
            gold: Gold annotation of each row, as `gold` returns it.
            labels: The label set.
            offsets: Characters of each token of each row; with them one array (M, 5) int64 per row.
        """
        held = spans.presence([self.labels_of(a) for a in gold], labels)
        if offsets is None:
            return held
        return facts.targets([a.triples for a in gold], {label: k for k, label in enumerate(labels)}, offsets)

    def calibrate(
        self,
        outputs: TokenOutputs,
        targets: Sequence[np.ndarray],
        metric: str | None = None,  # noqa: ARG002
    ) -> Calibration:
        """Return the line that makes the scores of facts come true, and the threshold with the highest micro F1.

        Args:
            outputs: Uncalibrated outputs of validation.
            targets: Facts of each text of validation.
            metric: Not used: all predicates share a threshold, since most have few facts.
        """
        return facts.calibrate(outputs, targets)

    def loss(self, outputs: TokenOutputs, targets: Sequence[np.ndarray]) -> float:
        """Return the negative log-likelihood of the facts of a text, a mean over texts."""
        return facts.loss(outputs, targets)

    def probabilities(self, outputs: TokenOutputs, calibration: Calibration) -> TokenOutputs:
        """Return the candidates of each text, each with its probability, (K, 6) float32."""
        return facts.probabilities(outputs, calibration)

    def uncalibrated(self, scores: np.ndarray, calibration: Calibration) -> np.ndarray:
        """Return the scores of predicates, (N, L), as they would be without the line of facts.

        Args:
            scores: Calibrated score of each predicate, (N, L).
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
        """Return the facts of each text at or above the threshold, each once, with their characters.

        Args:
            probabilities: Candidates with their probabilities, and the offsets of tokens.
            labels: The label set.
            calibration: Calibration with the threshold.
            texts: The cleaned texts.
        """
        return facts.decode(probabilities, labels, calibration, texts)

    def claims(
        self, probabilities: np.ndarray, targets: np.ndarray, predicted: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the score of each predicate of each row, and a mask of those that the row has.

        Args:
            probabilities: Score of each predicate, (N, L).
            targets: 1 where a row has a predicate, (N, L).
            predicted: True where a predicate was predicted; with it, only those and likely ones are returned.
        """
        return claims(probabilities, targets, predicted)

    def tally(self, gold: Sequence[Annotation], predicted: Sequence[Annotation], labels: Sequence[str]) -> Tallies:
        """Return the counts of facts of each predicate: right, predicted and gold ones.

        A fact is right if subject, predicate and object are, wherever the text says them.

        Args:
            gold: Gold annotation of each row.
            predicted: Predicted annotation of each row.
            labels: The label set.
        """
        held = [set(a.triples) for a in gold]
        given = [set(a.triples) for a in predicted]
        return spans.tally_parts(held, given, attrgetter("predicate"), labels)

    def score(
        self, gold: Sequence[Annotation], predicted: Sequence[Annotation], labels: Sequence[str]
    ) -> dict[str, float]:
        """Return F1, precision and recall of whole facts, and the share of rows without error.

        Args:
            gold: Gold annotation of each row.
            predicted: Predicted annotation of each row.
            labels: The label set.

        Example:
            >>> from volant.kinds.record import Triple
            >>> gold = [Annotation(triples=(Triple("Ann", "home", "Oslo"), Triple("Ann", "age", "40")))]
            >>> KIND.score(gold, [Annotation(triples=gold[0].triples[:1])], ["home", "age"])["micro_f1"]
            0.666...
        """
        return plain(measure(self.metrics, self.tally(gold, predicted, labels), score_matrix(predicted, labels)))

    def analysis(
        self, gold: Sequence[Annotation], predicted: Sequence[Annotation], labels: Sequence[str]
    ) -> dict[str, list[dict[str, Any]]]:
        """Return scores beside the exact ones, as tables: in part, by predicate, by number of facts and by overlap.

        Args:
            gold: Gold annotation of each row.
            predicted: Predicted annotation of each row.
            labels: The label set.
        """
        return overlaps.analysis(gold, predicted, labels)

    def baselines(
        self,
        train_gold: Sequence[Annotation],  # noqa: ARG002
        test_gold: Sequence[Annotation],
        labels: Sequence[str],
    ) -> dict[str, dict[str, float]]:
        """Return the metrics of no fact at all, for both: two random parts with a random predicate are never right.

        Args:
            train_gold: Not used.
            test_gold: Gold of the test rows.
            labels: The label set.
        """
        nothing = self.score(test_gold, [Annotation()] * len(test_gold), labels)
        return {"majority": nothing, "chance": nothing}


KIND = Triples()
