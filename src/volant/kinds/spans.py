"""Spans of a text: as JSON, as the classes of tokens that a model learns and predicts, and as counts of right ones."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any

import numpy as np

from volant.kinds import bio
from volant.kinds.calibration import DIGITS, TINY, Calibration, expit, fit_lines, fit_temperature
from volant.kinds.labels import place
from volant.kinds.outputs import IGNORED, LOGITS, TRANSITIONS, TokenOutputs
from volant.kinds.rates import Tallies
from volant.kinds.record import Annotation, Span


def to_json(spans: Iterable[Span]) -> list[dict[str, Any]]:
    """Return spans as JSON: start, end, label, and the score where there is one.

    Example:
        >>> to_json([Span(3, 7, "city", 0.9)])
        [{'start': 3, 'end': 7, 'label': 'city', 'score': 0.9}]
    """
    return [_json(span) for span in spans]


def from_json(cells: Sequence[Mapping[str, Any]] | None) -> tuple[Span, ...]:
    """Return the spans of a list of objects, in the order of the text."""
    return tuple(sorted(map(_span, cells or ()), key=lambda span: (span.start, span.end)))


def renamed(spans: Iterable[Span], names: Mapping[str, str | None]) -> tuple[Span, ...]:
    """Return spans with their labels renamed, without those that are renamed to None."""
    named = ((span, names[span.label]) for span in spans)
    return tuple(replace(span, label=label) for span, label in named if label is not None)


def targets(spans: Sequence[Sequence[Span]], labels: Sequence[str], offsets: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the class of each token of each text, (T,) int64.

    Args:
        spans: Spans of each text.
        labels: The label set.
        offsets: Characters of each token, (T, 2).
    """
    places = {label: k for k, label in enumerate(labels)}
    return [bio.encode(own, tokens, places) for own, tokens in zip(spans, offsets, strict=True)]


def presence(labels_of_rows: Sequence[Iterable[str]], labels: Sequence[str]) -> np.ndarray:
    """Return 1 where a row has a label, (N, L) float32.

    Fails with `VolantError` if a label is not in the label set.
    """
    places = {label: k for k, label in enumerate(labels)}
    matrix = np.zeros((len(labels_of_rows), len(labels)), dtype=np.float32)
    for row, own in enumerate(labels_of_rows):
        for label in own:
            matrix[row, place(label, places, row)] = 1
    return matrix


def probabilities(outputs: TokenOutputs, temperature: float) -> TokenOutputs:
    """Return the probability of each class of each token."""
    chains = outputs.values.get(TRANSITIONS) or [None] * len(outputs)
    values = [
        bio.marginals(logits, chain, temperature) for logits, chain in zip(outputs.values[LOGITS], chains, strict=True)
    ]
    return TokenOutputs({LOGITS: values}, outputs.offsets)


def loss(outputs: TokenOutputs, classes: Sequence[np.ndarray], temperature: float = 1.0) -> float:
    """Return the mean negative log-likelihood of the classes of all tokens.

    Args:
        outputs: Uncalibrated outputs.
        classes: Class of each token of each text.
        temperature: Divides the scores.
    """
    likely = probabilities(outputs, temperature).values[LOGITS]
    flat = np.concatenate([np.zeros(0, dtype=np.int64), *classes])
    held = flat != IGNORED
    if not held.any():
        return 0.0
    own = np.concatenate(likely)[held, flat[held]]
    return float(-np.log(np.maximum(own, TINY)).mean())


def calibrate(outputs: TokenOutputs, classes: Sequence[np.ndarray]) -> Calibration:
    """Return the temperature of the classes, and the line that makes the scores of spans come true.

    Args:
        outputs: Uncalibrated outputs of validation.
        classes: Class of each token of each text.
    """
    if not any((own != IGNORED).any() for own in classes):
        return Calibration()
    temperature = fit_temperature(lambda t: loss(outputs, classes, t), len(classes))
    likely = probabilities(outputs, temperature).values[LOGITS]
    scores: list[float] = []
    right: list[bool] = []
    for own, gold in zip(likely, classes, strict=True):
        found, path = _found(own, gold != IGNORED)
        known = set(bio.runs(np.maximum(gold, 0)))
        scores += bio.run_scores(found, path, own).tolist()
        right += [run in known for run in found]
    slopes, offsets = fit_lines(_logit(np.array(scores))[:, None], np.array(right, dtype=np.float64)[:, None])
    return Calibration(temperature, (), slopes, offsets)


def decode(
    likely: TokenOutputs, labels: Sequence[str], calibration: Calibration, texts: Sequence[str]
) -> list[Annotation]:
    """Return the spans of each text, with their scores, and a score for each label.

    The score of a label is that of its likeliest span; without one, it is its highest probability at a token.

    Args:
        likely: Probability of each class of each token, with the offsets of tokens.
        labels: The label set.
        calibration: Calibration with the line of spans.
        texts: The cleaned texts.
    """
    rows = zip(likely.values[LOGITS], likely.offsets, texts, strict=True)
    return [_annotation(own, offsets, labels, calibration, text) for own, offsets, text in rows]


def tally(gold: Sequence[Annotation], predicted: Sequence[Annotation], labels: Sequence[str]) -> Tallies:
    """Return the counts of spans of each label: right, predicted and gold ones; exact rows have the same spans.

    A span is right if start, end and label are; the same span counts as often as gold has it.

    Args:
        gold: Gold annotation of each row.
        predicted: Predicted annotation of each row.
        labels: The label set.
    """
    return tally_parts([a.spans for a in gold], [a.spans for a in predicted], attrgetter("label"), labels)


def tally_parts(
    gold: Sequence[Iterable[Any]],
    predicted: Sequence[Iterable[Any]],
    label_of: Callable[[Any], str],
    labels: Sequence[str],
) -> Tallies:
    """Return the counts of parts of each label: right, predicted and gold ones; exact rows have the same parts.

    Args:
        gold: Gold parts of each row.
        predicted: Predicted parts of each row.
        label_of: Function from a part to its label.
        labels: The label set.
    """
    places = {label: k for k, label in enumerate(labels)}
    counts = np.zeros((3, len(gold), len(labels)), dtype=np.float32)
    exact = np.zeros(len(gold), dtype=np.float32)
    for row, pair in enumerate(zip(gold, predicted, strict=True)):
        held, given = map(Counter, pair)
        for k, parts in enumerate((held & given, given, held)):
            for part in parts.elements():
                counts[k, row, place(label_of(part), places, row)] += 1
        exact[row] = held == given
    return Tallies(counts[0], counts[1], counts[2], exact)


def _annotation(
    likely: np.ndarray, offsets: np.ndarray, labels: Sequence[str], calibration: Calibration, text: str
) -> Annotation:
    real = offsets[:, 1] > offsets[:, 0]
    found, path = _found(likely, real)
    scores = line(bio.run_scores(found, path, likely), calibration)
    pairs = zip(found, scores.tolist(), strict=True)
    spans = [span for run, score in pairs if (span := bio.text_span(run, offsets, labels, text, score))]
    # a token without characters, such as the one at the start of a text, learned nothing and can be sure of anything
    most = (likely[real, 1::2] + likely[real, 2::2]).max(axis=0, initial=0.0)
    best = dict(zip(labels, most.astype(float).clip(max=1.0).tolist(), strict=True))
    for label in labels:
        own = [float(span.score or 0) for span in spans if span.label == label]
        best[label] = max(own) if own else best[label]
    return Annotation(spans=tuple(spans), scores=best)


def _found(likely: np.ndarray, real: np.ndarray) -> tuple[list[bio.Run], np.ndarray]:
    """Return the spans of a text's tokens, and the class of each; a token that isn't `real` (T,) is outside."""
    if not real.all():
        likely = likely.copy()
        likely[~real] = np.eye(1, likely.shape[1], dtype=likely.dtype)
    path = bio.best_path(likely)
    return bio.runs(path), path


def line(scores: np.ndarray, calibration: Calibration) -> np.ndarray:
    """Return the calibrated probability of spans, (S,): the line of their log odds."""
    if not calibration.slopes:
        return scores
    odds = calibration.slopes[0] * _logit(scores) + calibration.offsets[0]
    return expit(odds)


def unlined(scores: np.ndarray, calibration: Calibration) -> np.ndarray:
    """Return probabilities as they would be without the line: its inverse."""
    if not calibration.slopes:
        return scores
    odds = (_logit(scores) - calibration.offsets[0]) / calibration.slopes[0]
    return expit(odds)


def _logit(p: np.ndarray) -> np.ndarray:
    clipped = np.clip(p.astype(np.float64), TINY, 1 - TINY)
    return np.log(clipped) - np.log1p(-clipped)


def _json(span: Span) -> dict[str, Any]:
    value: dict[str, Any] = {"start": span.start, "end": span.end, "label": span.label}
    return value if span.score is None else {**value, "score": round(float(span.score), DIGITS)}


def _span(cell: Mapping[str, Any]) -> Span:
    return Span(int(cell["start"]), int(cell["end"]), str(cell["label"]), cell.get("score"))
