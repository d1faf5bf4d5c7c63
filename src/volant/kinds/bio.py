"""Spans as classes of tokens: class 0 is outside, 2k + 1 begins a span of label k, 2k + 2 continues one (BIO).

Source: Ramshaw and Marcus 1995, Text Chunking using Transformation-Based Learning, https://arxiv.org/abs/cmp-lg/9505040
"""

from collections.abc import Mapping, Sequence

import numpy as np

from volant.kinds.calibration import TINY, log_softmax
from volant.kinds.mentions import trimmed
from volant.kinds.outputs import IGNORED
from volant.kinds.record import Span

Run = tuple[int, int, int]  # first token, token after the last, position of the label


def classes(labels: Sequence[str]) -> int:
    """Return the number of classes of a token."""
    return 2 * len(labels) + 1


def encode(spans: Sequence[Span], offsets: np.ndarray, places: Mapping[str, int]) -> np.ndarray:
    """Return the class of each token, (T,) int64; `IGNORED` for a token without characters.

    A token belongs to a span if they have a character in common; where spans overlap, the first keeps it.

    Args:
        spans: Spans of the text.
        offsets: First character of each token and the one after its last, (T, 2).
        places: Position of each label.

    Example:
        >>> encode([Span(3, 7, "city")], np.array([[0, 0], [0, 2], [3, 5], [5, 7]]), {"city": 0}).tolist()
        [-100, 0, 1, 2]
    """
    result = np.where(offsets[:, 1] > offsets[:, 0], 0, IGNORED).astype(np.int64)
    for span in sorted(spans, key=lambda s: (s.start, s.end)):
        inside = (offsets[:, 0] < span.end) & (offsets[:, 1] > span.start) & (result == 0)
        tokens = np.flatnonzero(inside)
        if len(tokens):
            result[tokens] = 2 * places[span.label] + 2
            result[tokens[0]] = 2 * places[span.label] + 1
    return result


def best_path(probabilities: np.ndarray) -> np.ndarray:
    """Return the most likely classes of tokens in which no span continues that has not begun, (T,).

    Where the likeliest class of each token makes such a path, it is the answer. Else it is found by dynamic
    programming; since only a continuation depends on the class before it, a step costs O(C), not O(C²).

    Args:
        probabilities: Probability of each class of each token, (T, C).

    Example:
        >>> best_path(np.array([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7]])).tolist()
        [1, 2]

    Source: Viterbi 1967, https://doi.org/10.1109/TIT.1967.1054010
    """
    simple = probabilities.argmax(axis=1) if len(probabilities) else np.zeros(0, dtype=np.int64)
    return simple if allowed(simple) else _viterbi(np.log(np.maximum(probabilities, TINY)))


def allowed(path: np.ndarray) -> bool:
    """Return True if each continuation follows the beginning, or another continuation, of its label."""
    before = np.concatenate([[0], path[:-1]])
    goes_on = (path > 0) & (path % 2 == 0)
    return bool((~goes_on | (before == path) | (before == path - 1)).all())


def _viterbi(scores: np.ndarray) -> np.ndarray:
    """Return the best allowed path of log probabilities (T, C)."""
    count = scores.shape[1]
    goes_on = np.arange(2, count, 2)
    back = np.zeros(scores.shape, dtype=np.int64)
    total = scores[0].copy()
    total[goes_on] = -np.inf
    for step in range(1, len(scores)):
        origin = np.full(count, total.argmax())
        origin[goes_on] = np.where(total[goes_on] >= total[goes_on - 1], goes_on, goes_on - 1)
        back[step] = origin
        total = total[origin] + scores[step]
    path = np.empty(len(scores), dtype=np.int64)
    path[-1] = total.argmax()
    for step in range(len(scores) - 1, 0, -1):
        path[step - 1] = back[step, path[step]]
    return path


def runs(path: np.ndarray) -> list[Run]:
    """Return first token, end and label's position of each span in a path.

    Example:
        >>> runs(np.array([0, 1, 2, 1, 0, 3]))
        [(1, 3, 0), (3, 4, 0), (5, 6, 1)]
    """
    result: list[Run] = []
    for token in np.flatnonzero(path > 0).tolist():
        label = (int(path[token]) - 1) // 2
        if path[token] % 2 == 0 and result and result[-1][1] == token and result[-1][2] == label:
            result[-1] = (result[-1][0], token + 1, label)
        else:
            result.append((token, token + 1, label))
    return result


def run_scores(found: Sequence[Run], path: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return a probability of each span, (S,): of its least probable token, or of the one that ends it.

    Args:
        found: Spans as `runs` returns them.
        path: Class of each token, (T,).
        probabilities: Probability of each class of each token, (T, C).
    """
    result = np.empty(len(found))
    for k, (start, end, label) in enumerate(found):
        own = probabilities[np.arange(start, end), path[start:end]].min()
        follows = 1 - probabilities[end, 2 * label + 2] if end < len(path) else 1.0
        result[k] = min(own, follows)
    return result


def text_span(run: Run, offsets: np.ndarray, labels: Sequence[str], text: str, score: float) -> Span | None:
    """Return a span in characters, without white space at its ends; None if nothing else is left.

    Args:
        run: First token, end and position of the label.
        offsets: Characters of each token, (T, 2).
        labels: The label set.
        text: The cleaned text.
        score: Probability of the span.
    """
    start, end = trimmed(text, int(offsets[run[0], 0]), int(offsets[run[1] - 1, 1]))
    return Span(start, end, labels[run[2]], score) if start < end else None


def marginals(logits: np.ndarray, transitions: np.ndarray | None, temperature: float) -> np.ndarray:
    """Return the probability of each class of each token, (T, C) float32.

    Args:
        logits: Logits, (T, C).
        transitions: Scores of a class after another, (C, C), of a chain; None for tokens that are independent.
        temperature: Divides all scores.

    Source: forward-backward, Rabiner 1989, https://doi.org/10.1109/5.18626
    """
    scores = logits.astype(np.float64) / temperature
    if transitions is None or not len(scores):
        return np.exp(log_softmax(scores)).astype(np.float32) if len(scores) else scores.astype(np.float32)
    moves = transitions.astype(np.float64) / temperature
    forward = scores.copy()
    backward = np.zeros_like(scores)
    for step in range(1, len(scores)):
        forward[step] += np.logaddexp.reduce(forward[step - 1][:, None] + moves, axis=0)
        after = len(scores) - step
        backward[after - 1] = np.logaddexp.reduce(moves + scores[after] + backward[after], axis=1)
    return np.exp(log_softmax(forward + backward)).astype(np.float32)
