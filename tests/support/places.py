"""A tiny kind of spans: people and places in a text. It proves that the contract holds more than labels of whole texts.

A test copies this file to `kinds/places.py` of a project and adds the line of the registry; see
`tests/flows/test_span_kind.py`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from volant.kinds.calibration import DIGITS, Calibration, fit_temperature, log_softmax, score_matrix
from volant.kinds.labels import column, place, plain
from volant.kinds.outputs import IGNORED, LOGITS, TokenOutputs
from volant.kinds.rates import Tallies, measure
from volant.kinds.record import SPANS, Annotation, Span


@dataclass(frozen=True)
class Places:
    """Labelled spans: each token is outside (class 0) or inside a span of label k (class k + 1)."""

    name: str = "places"
    columns: tuple[str, ...] = ("spans",)
    metrics: tuple[str, ...] = ("micro_f1", "macro_f1", "micro_precision", "micro_recall", "subset_accuracy")
    exclusive: bool = False
    types: tuple[pa.DataType, pa.DataType] = (SPANS, pa.list_(pa.float64()))
    head: Literal["tokens"] = "tokens"

    def cell(self, annotation: Annotation) -> list[dict[str, Any]]:
        """Return the spans as JSON holds them."""
        return [asdict(span) for span in annotation.spans]

    def read(self, cell: Sequence[Mapping[str, Any]] | None) -> Annotation:
        """Return the annotation of a list of spans."""
        return Annotation(spans=tuple(Span(int(s["start"]), int(s["end"]), str(s["label"])) for s in cell or ()))

    def labels_of(self, annotation: Annotation) -> tuple[str, ...]:
        """Return the labels of the spans."""
        return tuple(dict.fromkeys(span.label for span in annotation.spans))

    def annotate(self, labels: Sequence[str]) -> Annotation:  # noqa: ARG002
        """Return an annotation without spans: labels alone have no place."""
        return Annotation()

    def renamed(self, annotation: Annotation, names: Mapping[str, str | None]) -> Annotation:
        """Return the annotation with renamed labels."""
        named = [(span, names[span.label]) for span in annotation.spans]
        return Annotation(spans=tuple(replace(span, label=label) for span, label in named if label is not None))

    def scored(self, annotation: Annotation) -> dict[str, float]:
        """Return the probability of each label that has a span."""
        return {label: round(float(annotation.scores[label]), DIGITS) for label in self.labels_of(annotation)}

    def confidence(self, annotation: Annotation) -> float:
        """Return the probability of the most probable label."""
        return max((float(annotation.scores[k]) for k in self.labels_of(annotation) or annotation.scores), default=0.0)

    def gold(self, table: pa.Table) -> list[Annotation]:
        """Return the spans of each row."""
        return [self.read(cell) for cell in column(table, self.columns[0])]

    def count(self, gold: Sequence[Annotation]) -> Counter[str]:
        """Return the number of rows with each label."""
        return Counter(label for a in gold for label in self.labels_of(a))

    def outputs(self, labels: Sequence[str]) -> dict[str, int]:
        """Return the number of classes of a token."""
        return {LOGITS: len(labels) + 1}

    def targets(
        self, gold: Sequence[Annotation], labels: Sequence[str], offsets: Sequence[np.ndarray] | None = None
    ) -> Any:
        """Return 1 where a row has a label, (N, L), or the class of each token."""
        places = {label: k for k, label in enumerate(labels)}
        matrix = np.zeros((len(gold), len(labels)), dtype=np.float32)
        for row, a in enumerate(gold):
            for label in self.labels_of(a):
                matrix[row, place(label, places, row)] = 1
        if offsets is None:
            return matrix
        return [_classes(a, own, places) for a, own in zip(gold, offsets, strict=True)]

    def calibrate(self, outputs: TokenOutputs, targets: Sequence[np.ndarray], metric: str | None = None) -> Calibration:  # noqa: ARG002
        """Return the temperature that makes the classes of validation's tokens most likely."""
        values = outputs.values[LOGITS]
        scaled = lambda t: TokenOutputs({LOGITS: [v / t for v in values]}, outputs.offsets)  # noqa: E731
        return Calibration(fit_temperature(lambda t: self.loss(scaled(t), targets), len(targets)))

    def loss(self, outputs: TokenOutputs, targets: Sequence[np.ndarray]) -> float:
        """Return the mean negative log-likelihood of the classes of tokens."""
        classes = np.concatenate(targets)
        known = classes != IGNORED
        likely = log_softmax(np.concatenate(outputs.values[LOGITS])[known])
        return float(-likely[np.arange(len(likely)), classes[known]].mean())

    def probabilities(self, outputs: TokenOutputs, calibration: Calibration) -> TokenOutputs:
        """Return the probability of each class of each token."""
        values = [np.exp(log_softmax(v / calibration.temperature)).astype(np.float32) for v in outputs.values[LOGITS]]
        return TokenOutputs({LOGITS: values}, outputs.offsets)

    def uncalibrated(self, scores: np.ndarray, calibration: Calibration) -> np.ndarray:  # noqa: ARG002
        """Return the scores: a maximum over tokens has no way back."""
        return scores

    def decode(
        self,
        probabilities: TokenOutputs,
        labels: Sequence[str],
        calibration: Calibration,  # noqa: ARG002
        texts: Sequence[str] = (),
    ) -> list[Annotation]:
        """Return a span for each run of tokens of one class."""
        rows = zip(probabilities.values[LOGITS], probabilities.offsets, texts, strict=True)
        return [_spans(values, offsets, labels, text) for values, offsets, text in rows]

    def claims(
        self, probabilities: np.ndarray, targets: np.ndarray, predicted: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the probabilities of labels, and which of them a row has."""
        cells = np.ones(probabilities.shape, dtype=bool) if predicted is None else predicted | (probabilities > 0.2)
        return probabilities[cells], targets[cells] > 0

    def tally(self, gold: Sequence[Annotation], predicted: Sequence[Annotation], labels: Sequence[str]) -> Tallies:
        """Return the number of spans of each label: right ones, predicted ones, and those of the gold."""
        counts = np.zeros((3, len(gold), len(labels)), dtype=np.float32)
        for row, (right, answer) in enumerate(zip(gold, predicted, strict=True)):
            for k, spans in enumerate((set(right.spans) & set(answer.spans), answer.spans, right.spans)):
                for span in spans:
                    counts[k, row, list(labels).index(span.label)] += 1
        exact = [set(a.spans) == set(b.spans) for a, b in zip(gold, predicted, strict=True)]
        hits, said, held = counts
        return Tallies(hits, said, held, np.array(exact, dtype=np.float32))

    def score(
        self, gold: Sequence[Annotation], predicted: Sequence[Annotation], labels: Sequence[str]
    ) -> dict[str, float]:
        """Return precision, recall and F1 of whole spans."""
        return plain(measure(self.metrics, self.tally(gold, predicted, labels), score_matrix(predicted, labels)))

    def analysis(
        self,
        gold: Sequence[Annotation],  # noqa: ARG002
        predicted: Sequence[Annotation],
        labels: Sequence[str],  # noqa: ARG002
    ) -> dict[str, list[dict[str, Any]]]:
        """Return the number of spans in a text."""
        return {
            "spans_of_a_text": [{"spans": n, "texts": t} for n, t in Counter(len(a.spans) for a in predicted).items()]
        }

    def baselines(
        self,
        train_gold: Sequence[Annotation],  # noqa: ARG002
        test_gold: Sequence[Annotation],
        labels: Sequence[str],
    ) -> dict[str, dict[str, float]]:
        """Return the metrics of no span at all; a guessed place is right one time in thousands."""
        nothing = self.score(test_gold, [Annotation()] * len(test_gold), labels)
        return {"majority": nothing, "chance": nothing}


def _classes(annotation: Annotation, offsets: np.ndarray, places: Mapping[str, int]) -> np.ndarray:
    """Return the class of each token, (T,) int64."""
    classes = np.where(offsets[:, 1] > offsets[:, 0], 0, IGNORED)
    for span in annotation.spans:
        classes[(offsets[:, 0] < span.end) & (offsets[:, 1] > span.start)] = places[span.label] + 1
    return classes.astype(np.int64)


def _spans(values: np.ndarray, offsets: np.ndarray, labels: Sequence[str], text: str) -> Annotation:
    tokens = [k for k in range(len(offsets)) if offsets[k, 1] > offsets[k, 0]]
    best = values.argmax(axis=1)
    spans = []
    for chosen, run in groupby(tokens, key=lambda k: int(best[k])):
        own = list(run)
        if chosen:
            end = int(offsets[own[-1], 1])
            spans.append(Span(int(offsets[own[0], 0]), end - (text[end - 1] == " "), labels[chosen - 1]))
    most = values[tokens].max(axis=0, initial=0.0)[1:]
    return Annotation(spans=tuple(spans), scores={k: float(v) for k, v in zip(labels, most, strict=True)})


KIND = Places()
