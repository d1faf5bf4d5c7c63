"""Facts of a text: as JSON, as tokens that a model learns, and from a model's candidates back to text.

A candidate is a class, the first and last token of the subject, those of the object, and a logit: (K, 6) for a text.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from volant.kinds import mentions
from volant.kinds.calibration import DIGITS, Calibration, expit, fit_lines
from volant.kinds.outputs import CANDIDATES, TokenOutputs
from volant.kinds.record import Annotation, Triple

VALUE = 5  # column of a candidate's logit, or probability
HARDLY = -20.0  # logit below which a candidate is no evidence
AT = ("subject_at", "object_at")


def to_json(triples: Iterable[Triple]) -> list[dict[str, Any]]:
    """Return facts as JSON: subject, predicate, object, and for a prediction its score and the characters of both.

    Example:
        >>> to_json([Triple("Ann", "lives in", "Oslo", (0, 3), (13, 17), 0.9)])[0]["subject_at"]
        [0, 3]
    """
    return [_json(triple) for triple in triples]


def from_json(cells: Sequence[Mapping[str, Any]] | None) -> tuple[Triple, ...]:
    """Return the different facts of a list of objects.

    Raises:
        ValueError: If a part of a fact is empty.
    """
    triples = [_triple(cell) for cell in cells or ()]
    for triple in triples:
        if not (triple.subject and triple.predicate and triple.object):
            raise ValueError(f"{triple} has an empty part: a fact has a subject, a predicate and an object")
    return tuple(dict.fromkeys(triples))


def targets(
    triples: Sequence[Sequence[Triple]], positions: Mapping[str, int], offsets: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Return the facts of each text as predicate and tokens, (M, 5) int64; -1 for a part that has no tokens here.

    Args:
        triples: Facts of each text, with the characters of their parts where they are known.
        positions: Position of each predicate.
        offsets: Characters of each token, (T, 2).
    """
    return [_targets(own, positions, tokens) for own, tokens in zip(triples, offsets, strict=True)]


def right(candidates: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """Return True for each candidate (K, 6) that is one of the gold facts (M, 5)."""
    return (candidates[:, None, :VALUE] == gold[None]).all(axis=2).any(axis=1)


def loss(outputs: TokenOutputs, gold: Sequence[np.ndarray]) -> float:
    """Return the negative log-likelihood of which candidates are gold, a sum over candidates and a mean over texts."""
    if not len(outputs):
        return 0.0
    pairs = zip(outputs.values[CANDIDATES], gold, strict=True)
    sums = [np.logaddexp(0, np.where(right(own, facts), -1, 1) * own[:, VALUE]).sum() for own, facts in pairs]
    return float(np.mean(sums))


def calibrate(outputs: TokenOutputs, gold: Sequence[np.ndarray]) -> Calibration:
    """Return the line that makes the scores of facts come true, and the threshold with the highest micro F1.

    Args:
        outputs: Uncalibrated outputs of validation.
        gold: Facts of each text, as `targets` returns them; those that no candidate can be count as missed.
    """
    rows = [_different(own) for own in outputs.values[CANDIDATES]]
    logits = np.concatenate([np.zeros(0), *(own[:, VALUE] for own in rows)])
    hits = np.concatenate([np.zeros(0, bool), *(right(own, facts) for own, facts in zip(rows, gold, strict=True))])
    if not hits.any():
        return Calibration(thresholds=(0.5,))
    slopes, offsets = fit_lines(logits[:, None], hits[:, None])
    scores = expit(slopes[0] * logits + offsets[0])
    return Calibration(1.0, (best_threshold(scores, hits, sum(map(len, gold))),), slopes, offsets)


def best_threshold(scores: np.ndarray, hits: np.ndarray, total: int) -> float:
    """Return the probability from which predicting has the highest F1: the middle between two scores.

    Args:
        scores: Probability of each candidate.
        hits: True for those that are right.
        total: Number of gold facts.

    Example:
        >>> best_threshold(np.array([0.9, 0.8, 0.3]), np.array([True, True, False]), 2)
        0.55
    """
    order = np.argsort(-scores, kind="stable")
    f1 = 2 * np.cumsum(hits[order]) / (np.arange(1, len(order) + 1) + total)
    best = int(f1.argmax())
    below = scores[order[best + 1]] if best + 1 < len(order) else 0.0
    return round(float(scores[order[best]] + below) / 2, 6)


def probabilities(outputs: TokenOutputs, calibration: Calibration) -> TokenOutputs:
    """Return the candidates with their calibrated probability in place of the logit, (K, 6) float32 for each text."""
    slope = (calibration.slopes or (1.0,))[0]
    offset = (calibration.offsets or (0.0,))[0]
    values = []
    for own in outputs.values[CANDIDATES]:
        likely = own.astype(np.float32)
        likely[:, VALUE] = expit(slope * own[:, VALUE].astype(np.float64) + offset)
        values.append(likely)
    return TokenOutputs({CANDIDATES: values}, outputs.offsets)


def decode(
    likely: TokenOutputs, labels: Sequence[str], calibration: Calibration, texts: Sequence[str]
) -> list[Annotation]:
    """Return the facts of each text, in its order, and a score for each predicate: that of its likeliest candidate.

    Args:
        likely: Candidates with their probabilities, and the offsets of tokens.
        labels: The predicates.
        calibration: Calibration with the threshold.
        texts: The cleaned texts.
    """
    threshold = np.float32(calibration.thresholds[0] if calibration.thresholds else 0.5)
    rows, own, at = _with_characters(likely)
    best = np.zeros((len(likely), len(labels)), dtype=np.float32)
    np.maximum.at(best, (rows, own[:, 0].astype(np.int64)), own[:, VALUE])
    unique: list[dict[Triple, Triple]] = [{} for _ in texts]
    chosen = np.flatnonzero(own[:, VALUE] >= threshold)
    for k in chosen[np.argsort(-own[chosen, VALUE], kind="stable")].tolist():
        text = int(rows[k])
        fact = _fact(at[k], labels[int(own[k, 0])], texts[text], float(own[k, VALUE]))
        if fact.subject and fact.object:
            unique[text].setdefault(fact, fact)
    pairs = zip(unique, best.tolist(), strict=True)
    return [Annotation(triples=_ordered(facts), scores=dict(zip(labels, row, strict=True))) for facts, row in pairs]


def _with_characters(likely: TokenOutputs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return text (K,), candidate (K, 6) and characters of its four tokens (K, 4, 2), of all texts together.

    Candidates with a token that has no characters, such as the one at the start of a text, are left out.
    """
    pairs = zip(likely.values[CANDIDATES], likely.offsets, strict=True)
    cells = [own if len(tokens) else own[:0] for own, tokens in pairs]
    rows = np.repeat(np.arange(len(cells)), [len(own) for own in cells])
    own = np.concatenate([np.zeros((0, VALUE + 1), np.float32), *cells])
    starts = np.cumsum(np.array([0, *map(len, likely.offsets)]))[rows]
    offsets = np.concatenate([np.zeros((0, 2), np.int64), *likely.offsets])
    at = offsets[starts[:, None] + own[:, 1:VALUE].astype(np.int64)]
    real = (at[:, :, 1] > at[:, :, 0]).all(axis=1) & (at[:, 1::2, 1] > at[:, ::2, 0]).all(axis=1)
    return rows[real], own[real], at[real]


def _ordered(facts: Iterable[Triple]) -> tuple[Triple, ...]:
    return tuple(sorted(facts, key=lambda fact: (fact.subject_at, fact.object_at, fact.predicate)))


def _fact(at: np.ndarray, label: str, text: str, score: float) -> Triple:
    """Return a fact from the characters of its four tokens, (4, 2)."""
    subject_at = mentions.trimmed(text, int(at[0, 0]), int(at[1, 1]))
    object_at = mentions.trimmed(text, int(at[2, 0]), int(at[3, 1]))
    return Triple(text[slice(*subject_at)], label, text[slice(*object_at)], subject_at, object_at, score)


def _targets(triples: Sequence[Triple], positions: Mapping[str, int], offsets: np.ndarray) -> np.ndarray:
    rows = np.full((len(triples), VALUE), -1, dtype=np.int64)
    for row, triple in zip(rows, triples, strict=True):
        row[0] = positions[triple.predicate]
        row[1:3] = mentions.tokens(triple.subject_at, offsets)
        row[3:5] = mentions.tokens(triple.object_at, offsets)
    return rows


def _different(candidates: np.ndarray) -> np.ndarray:
    """Return each candidate once, with its highest logit: two windows may both have it."""
    ranked = candidates[np.argsort(-candidates[:, VALUE], kind="stable")]
    ranked = ranked[ranked[:, VALUE] > HARDLY]
    return ranked[np.sort(np.unique(ranked[:, :VALUE], axis=0, return_index=True)[1])]


def _json(triple: Triple) -> dict[str, Any]:
    value: dict[str, Any] = {"subject": triple.subject, "predicate": triple.predicate, "object": triple.object}
    if triple.score is None:
        return value
    at = {name: list(part) for name in AT if (part := getattr(triple, name))}
    return {**value, **at, "score": round(float(triple.score), DIGITS)}


def _triple(cell: Mapping[str, Any]) -> Triple:
    subject_at, object_at = (_place(cell.get(name)) for name in AT)
    parts = [str(cell[name]) for name in ("subject", "predicate", "object")]
    return Triple(parts[0], parts[1], parts[2], subject_at, object_at, cell.get("score"))


def _place(at: Sequence[int] | None) -> mentions.Place | None:
    return (int(at[0]), int(at[1])) if at else None
