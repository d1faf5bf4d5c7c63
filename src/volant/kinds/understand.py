"""The kind with one intent per text and labelled spans, its slots: what a sentence asks for, and about what.

The label set is one list: the intents, then the slots, each written `slot:NAME`. The spans of a row, and of a
prediction, have the name alone.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from volant.errors import VolantError
from volant.kinds import bio, span_errors, spans
from volant.kinds.calibration import DIGITS, Calibration, fit_temperature, log_softmax, score_matrix
from volant.kinds.labels import claims, column, place, plain
from volant.kinds.outputs import LOGITS, TEXT, TokenOutputs
from volant.kinds.rates import Tallies, measure
from volant.kinds.record import SLOT, SPANS, Annotation

UNKNOWN = 0.01  # share of validation's right answers whose confidence is below the threshold of what is in scope


@dataclass(frozen=True)
class Understand:
    """An intent and the slots of a sentence, by one model with one loss."""

    name: str = "understand"
    columns: tuple[str, ...] = ("label", "spans")
    metrics: tuple[str, ...] = (
        "exact_match",
        "intent_accuracy",
        "slot_f1",
        "slot_precision",
        "slot_recall",
        "macro_f1",
        "micro_f1",
    )
    exclusive: bool = False
    types: tuple[pa.DataType, pa.DataType] = (pa.struct([("label", pa.string()), ("spans", SPANS)]), pa.float64())
    head: str = "text and tokens"

    def cell(self, annotation: Annotation) -> dict[str, Any]:
        """Return the intent and the spans by column."""
        return {"label": annotation.label, "spans": spans.to_json(annotation.spans)}

    def read(self, cell: Mapping[str, Any]) -> Annotation:
        """Return the annotation of an intent and a list of spans."""
        return Annotation(label=cell["label"], spans=spans.from_json(cell["spans"]))

    def labels_of(self, annotation: Annotation) -> tuple[str, ...]:
        """Return the intent, and the different slots in the order of the text."""
        slots = dict.fromkeys(f"{SLOT}{span.label}" for span in annotation.spans)
        return (*((annotation.label,) if annotation.label is not None else ()), *slots)

    def annotate(self, labels: Sequence[str]) -> Annotation:
        """Return the annotation with this intent; slots alone have no place in the text.

        Raises:
            VolantError: If there is not exactly one intent.
        """
        intents = [label for label in labels if not label.startswith(SLOT)]
        if len(intents) != 1:
            raise VolantError(f"Each text has one intent; {len(intents)} were given.")
        return Annotation(label=intents[0])

    def renamed(self, annotation: Annotation, names: Mapping[str, str | None]) -> Annotation:
        """Return the annotation with intent and slots renamed; spans renamed to None are left out.

        Args:
            annotation: Gold as the source has it.
            names: Label in the source to label, slots with `slot:`.
        """
        slots = {span.label: names[f"{SLOT}{span.label}"] for span in annotation.spans}
        own = {name: None if new is None else new.removeprefix(SLOT) for name, new in slots.items()}
        label = None if annotation.label is None else names[annotation.label]
        return Annotation(label=label, spans=spans.renamed(annotation.spans, own))

    def scored(self, annotation: Annotation) -> float:
        """Return the probability of the prediction."""
        return round(self.confidence(annotation), DIGITS)

    def confidence(self, annotation: Annotation) -> float:
        """Return the probability of the intent or of the least probable slot, whichever is lower."""
        scores = [float(span.score) for span in annotation.spans if span.score is not None]
        return min([float(annotation.scores[str(annotation.label)]), *scores])

    def gold(self, table: pa.Table) -> list[Annotation]:
        """Return intent and slots of each row."""
        pairs = zip(*(column(table, name) for name in self.columns), strict=True)
        return [self.read({"label": label, "spans": cells}) for label, cells in pairs]

    def count(self, gold: Sequence[Annotation]) -> Counter[str]:
        """Return the number of rows with each intent and each slot."""
        return Counter(label for a in gold for label in self.labels_of(a))

    def outputs(self, labels: Sequence[str]) -> dict[str, int]:
        """Return the number of intents, and of the classes of a token."""
        intents, slots = parts(labels)
        return {TEXT: len(intents), LOGITS: bio.classes(slots)}

    def targets(
        self, gold: Sequence[Annotation], labels: Sequence[str], offsets: Sequence[np.ndarray] | None = None
    ) -> Any:
        """Return 1 where a row has a label, (N, L) float32; with offsets, its intent and the class of each token.

        Fails with `VolantError` if a label is not in the label set.

        Args:
            gold: Gold annotation of each row.
            labels: The label set.
            offsets: Characters of each token of each row.
        """
        held = spans.presence([self.labels_of(a) for a in gold], labels)
        if offsets is None:
            return held
        intents, slots = parts(labels)
        places = {label: k for k, label in enumerate(intents)}
        classes = spans.targets([a.spans for a in gold], slots, offsets)
        return [(place(a.label, places, row), own) for row, (a, own) in enumerate(zip(gold, classes, strict=True))]

    def calibrate(
        self,
        outputs: TokenOutputs,
        targets: Sequence[tuple[int, np.ndarray]],
        metric: str | None = None,  # noqa: ARG002
    ) -> Calibration:
        """Return the temperatures of intents and slots, the line of spans, and the threshold of what is in scope.

        A hundredth of validation's right intents has a lower probability than this threshold. Slots have the
        temperature and the first line; the second slope is that of the intents.

        Args:
            outputs: Uncalibrated outputs of validation.
            targets: Intent, and class of each token, of each row.
            metric: Not used.
        """
        if not len(targets):
            return Calibration()
        slots = spans.calibrate(outputs, [classes for _, classes in targets])
        logits = np.stack(outputs.values[TEXT])
        intents = np.array([intent for intent, _ in targets])
        temperature = fit_temperature(lambda t: _intent_loss(logits / t, intents), len(intents))
        sure = np.exp(log_softmax(logits / temperature)).max(axis=1)[logits.argmax(axis=1) == intents]
        threshold = float(np.quantile(sure, UNKNOWN)) if len(sure) else 0.0
        lines = {"slopes": (*(slots.slopes or (1.0,)), 1 / temperature), "offsets": (*(slots.offsets or (0.0,)), 0.0)}
        return replace(slots, thresholds=(round(threshold, 4),), **lines)

    def loss(self, outputs: TokenOutputs, targets: Sequence[tuple[int, np.ndarray]]) -> float:
        """Return the mean negative log-likelihood of the intents, plus that of the classes of tokens."""
        intents = np.array([intent for intent, _ in targets])
        return _intent_loss(np.stack(outputs.values[TEXT]), intents) + spans.loss(outputs, [own for _, own in targets])

    def probabilities(self, outputs: TokenOutputs, calibration: Calibration) -> TokenOutputs:
        """Return the probability of each intent, (I,), and of each class of each token, (T, C), of each text."""
        tokens = spans.probabilities(outputs, calibration.temperature)
        slope = calibration.slopes[1] if calibration.slopes else 1.0
        intents = [np.exp(log_softmax(row[None] * slope))[0].astype(np.float32) for row in outputs.values[TEXT]]
        return TokenOutputs({TEXT: intents, **tokens.values}, outputs.offsets)

    def uncalibrated(self, scores: np.ndarray, calibration: Calibration) -> np.ndarray:
        """Return the scores of labels, (N, L), as they would be without calibration of the spans.

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
        """Return the most probable intent and the spans of each text, and whether its intent is one of those taught.

        Args:
            probabilities: Probability of each intent, and of each class of each token.
            labels: The label set.
            calibration: Calibration with the line of spans and the threshold of what is in scope.
            texts: The cleaned texts.
        """
        intents, slots = parts(labels)
        least = calibration.thresholds[0] if calibration.thresholds else 0.0
        answers = []
        tagged = spans.decode(probabilities, slots, calibration, texts)
        for row, annotation in zip(probabilities.values[TEXT], tagged, strict=True):
            scores = dict(zip(intents, row.astype(float).tolist(), strict=True))
            scores |= {f"{SLOT}{name}": score for name, score in annotation.scores.items()}
            best = int(row.argmax())
            known = bool(row[best] >= least)
            answers.append(replace(annotation, label=intents[best], scores=scores, in_scope=known))
        return answers

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
        """Return the counts of intents and of slots; a row is exact if all of both is right.

        Args:
            gold: Gold annotation of each row.
            predicted: Predicted annotation of each row.
            labels: The label set.
        """
        intents, slots = parts(labels)
        tagged = spans.tally(gold, predicted, slots)
        held = _eye(gold, intents)
        given = _eye(predicted, intents)
        places = {
            "intent": [k for k, label in enumerate(labels) if not label.startswith(SLOT)],
            "slot": [k for k, label in enumerate(labels) if label.startswith(SLOT)],
        }
        order = np.argsort([*places["intent"], *places["slot"]])
        pairs = ((held * given, tagged.hits), (given, tagged.predicted), (held, tagged.gold))
        hits, predictions, golds = (np.concatenate(pair, axis=1)[:, order] for pair in pairs)
        return Tallies(hits, predictions, golds, tagged.exact * (held == given).all(axis=1), places)

    def score(
        self, gold: Sequence[Annotation], predicted: Sequence[Annotation], labels: Sequence[str]
    ) -> dict[str, float]:
        """Return the accuracy of intents, F1 of whole slots, and the share of sentences with both right.

        Args:
            gold: Gold annotation of each row.
            predicted: Predicted annotation of each row.
            labels: The label set.

        Example:
            >>> gold = [Annotation(label="weather"), Annotation(label="music")]
            >>> KIND.score(gold, [gold[0], gold[0]], ["music", "weather"])["intent_accuracy"]
            0.5
        """
        return plain(measure(self.metrics, self.tally(gold, predicted, labels), score_matrix(predicted, labels)))

    def analysis(
        self, gold: Sequence[Annotation], predicted: Sequence[Annotation], labels: Sequence[str]
    ) -> dict[str, list[dict[str, Any]]]:
        """Return tables on the sorts of errors, partial matches, and lengths of slots.

        Args:
            gold: Gold annotation of each row.
            predicted: Predicted annotation of each row.
            labels: The label set.
        """
        _, slots = parts(labels)
        return span_errors.analysis([a.spans for a in gold], [a.spans for a in predicted], slots)

    def baselines(
        self, train_gold: Sequence[Annotation], test_gold: Sequence[Annotation], labels: Sequence[str]
    ) -> dict[str, dict[str, float]]:
        """Return the metrics of train's most frequent intent, and of intents in proportion to train's; without slots.

        Args:
            train_gold: Gold of the train rows.
            test_gold: Gold of the test rows.
            labels: The label set.
        """
        intents, _ = parts(labels)
        counts = Counter(a.label for a in train_gold)
        shares = np.array([counts[label] for label in intents], dtype=np.float64)
        shares /= max(shares.sum(), 1)
        usual = Annotation(label=intents[int(shares.argmax())])
        majority = self.score(test_gold, [usual] * len(test_gold), labels)
        tallies = self.tally(test_gold, [usual] * len(test_gold), labels)
        guess = np.zeros_like(tallies.gold)
        guess[:, tallies.parts["intent"]] = shares
        hits = tallies.gold * guess
        right = hits.sum(axis=1) * (tallies.gold[:, tallies.parts["slot"]].sum(axis=1) == 0)
        expected = Tallies(hits, guess, tallies.gold, right, tallies.parts)
        return {"majority": majority, "chance": plain(measure(self.metrics, expected, None))}


def parts(labels: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the intents and the names of the slots of a label set, each in its order.

    Raises:
        VolantError: If there is no intent.

    Example:
        >>> parts(["music", "weather", "slot:artist"])
        (['music', 'weather'], ['artist'])
    """
    intents = [label for label in labels if not label.startswith(SLOT)]
    slots = [label.removeprefix(SLOT) for label in labels if label.startswith(SLOT)]
    if not intents:
        raise VolantError(
            f"The label set has no intent, only {', '.join(labels[:10])}. Slots are written `{SLOT}NAME`."
        )
    return intents, slots


def _eye(annotations: Sequence[Annotation], intents: Sequence[str]) -> np.ndarray:
    """Return 1 at the intent of each row, (N, I) float32."""
    return spans.presence([(str(a.label),) for a in annotations], intents)


def _intent_loss(logits: np.ndarray, intents: np.ndarray) -> float:
    return float(-log_softmax(logits)[np.arange(len(intents)), intents].mean()) if len(intents) else 0.0


KIND = Understand()
