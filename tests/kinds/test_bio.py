"""Spans as classes of tokens: encoded, decoded, and scored as chains, against every path there is."""

from itertools import product

import numpy as np
import pytest

from volant.kinds import bio, spans
from volant.kinds.calibration import Calibration
from volant.kinds.outputs import IGNORED, LOGITS, TRANSITIONS, TokenOutputs
from volant.kinds.record import Annotation, Span

LABELS = ("city", "person")
PLACES = {label: k for k, label in enumerate(LABELS)}
CLASSES = bio.classes(LABELS)


def offsets_of(*pairs: tuple[int, int]) -> np.ndarray:
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def certain(classes: np.ndarray) -> np.ndarray:
    """Probabilities of a model that is sure of these classes."""
    return np.where(np.eye(CLASSES)[np.maximum(classes, 0)] > 0, 0.99, 0.0025).astype(np.float32)


def decoded(text: str, gold: list[Span], offsets: np.ndarray) -> tuple[Span, ...]:
    likely = certain(bio.encode(gold, offsets, PLACES))
    (annotation,) = spans.decode(TokenOutputs({LOGITS: [likely]}, [offsets]), LABELS, Calibration(), [text])
    return annotation.spans


def test_neighbours_of_one_label_stay_two_spans() -> None:
    offsets = offsets_of((0, 0), (0, 4), (5, 9), (9, 13), (0, 0))
    gold = [Span(0, 4, "person"), Span(5, 13, "person")]
    assert bio.encode(gold, offsets, PLACES).tolist() == [IGNORED, 3, 3, 4, IGNORED]
    assert decoded("anna marieanne", gold, offsets) == tuple(gold)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("in 🏙️ Köln", Span(3, 10, "city")),  # an emoji of two code points
        ("e\u0301ve lives", Span(0, 4, "person")),  # a combining accent
        ("גר בירושלים", Span(3, 11, "city")),  # right to left
        ("住在北京", Span(2, 4, "city")),
    ],
)
def test_a_span_is_found_where_it_was_in_every_script(text: str, span: Span) -> None:
    characters = offsets_of(*((k, k + 1) for k in range(len(text))))
    assert decoded(text, [span], characters) == (span,)


def test_white_space_at_the_ends_of_tokens_is_not_part_of_a_span() -> None:
    offsets = offsets_of((0, 2), (2, 8), (8, 9))
    assert decoded("in Paris ", [Span(3, 8, "city")], offsets) == (Span(3, 8, "city"),)


def test_a_text_without_tokens_has_no_spans() -> None:
    assert decoded("", [], offsets_of()) == ()
    assert decoded("", [], offsets_of((0, 0), (0, 0))) == ()


def best_of_all(likely: np.ndarray) -> tuple[int, ...]:
    """The best allowed path, by trying every path."""
    scores = np.log(likely)
    paths = [p for p in product(range(likely.shape[1]), repeat=len(likely)) if bio.allowed(np.array(p))]
    return max(paths, key=lambda path: scores[np.arange(len(path)), path].sum())


@pytest.mark.parametrize("seed", range(30))
def test_the_path_is_the_best_of_all_allowed_ones(seed: int) -> None:
    likely = np.random.default_rng(seed).dirichlet(np.full(CLASSES, 0.4), size=5)
    path = bio.best_path(likely)
    assert bio.allowed(path)
    assert tuple(path.tolist()) == best_of_all(likely)


def test_no_span_continues_that_has_not_begun() -> None:
    draw = np.random.default_rng(0)
    for _ in range(300):
        path = bio.best_path(draw.dirichlet(np.full(CLASSES, 0.2), size=draw.integers(1, 40)))
        assert bio.allowed(path)
        assert sum(end - start for start, end, _ in bio.runs(path)) == (path > 0).sum()


def test_marginals_of_a_chain_are_those_of_all_its_paths() -> None:
    draw = np.random.default_rng(1)
    logits = draw.normal(size=(4, 3))
    transitions = draw.normal(size=(3, 3))
    expected = np.zeros((4, 3))
    for path in product(range(3), repeat=4):
        score = logits[np.arange(4), path].sum() + transitions[path[:-1], path[1:]].sum()
        expected[np.arange(4), path] += np.exp(score / 2)
    expected /= expected.sum(axis=1, keepdims=True)
    assert bio.marginals(logits, transitions, temperature=2.0) == pytest.approx(expected, abs=1e-6)


def test_the_loss_of_a_chain_is_that_of_all_its_paths() -> None:
    import torch

    from volant.models.neural.token_heads import chain_loss

    draw = np.random.default_rng(2)
    logits = draw.normal(size=(1, 5, 3))
    transitions = draw.normal(size=(3, 3))
    gold = np.array([IGNORED, 1, 2, IGNORED, IGNORED])  # the first token has no class; the last two are padding

    def score(path: tuple[int, ...]) -> float:
        return logits[0, np.arange(3), path].sum() + transitions[path[:-1], path[1:]].sum()

    total = np.log(sum(np.exp(score(path)) for path in product(range(3), repeat=3)))
    loss = chain_loss(torch.tensor(logits), torch.tensor(gold[None]), torch.tensor(transitions))
    assert loss.item() == pytest.approx((total - score((0, 1, 2))) / 3)


def test_transitions_decide_where_tokens_alone_are_undecided() -> None:
    logits = np.zeros((3, 3), dtype=np.float32)
    logits[0, 1] = 5
    transitions = np.array([[2, 0, 0], [0, 0, 4], [0, 0, 4]], dtype=np.float32)
    outputs = TokenOutputs({LOGITS: [logits], TRANSITIONS: [transitions]}, [offsets_of((0, 1), (1, 2), (2, 3))])
    (answer,) = spans.decode(spans.probabilities(outputs, 1.0), ("city",), Calibration(), ["abc"])
    assert answer.spans == (Span(0, 3, "city"),)


def test_the_scores_of_spans_come_true() -> None:
    """A model that is sure, and wrong one time in three, is told to be less sure."""
    draw = np.random.default_rng(3)
    tokens = offsets_of((0, 4), (5, 9))
    classes = [np.array([1, 0]) if draw.random() < 0.67 else np.array([0, 0]) for _ in range(300)]
    logits = np.zeros((2, CLASSES), dtype=np.float32)
    logits[0, 1] = 6
    logits[1, 0] = 6
    outputs = TokenOutputs({LOGITS: [logits] * 300}, [tokens] * 300)
    calibration = spans.calibrate(outputs, classes)
    answers = spans.decode(
        spans.probabilities(outputs, calibration.temperature), LABELS, calibration, ["anna lima"] * 300
    )
    scores = [float(span.score or 0) for answer in answers for span in answer.spans]
    assert np.mean(scores) == pytest.approx(np.mean([c[0] == 1 for c in classes]), abs=0.05)


def test_each_span_counts_once() -> None:
    gold = [Annotation(spans=(Span(0, 2, "city"), Span(3, 5, "city"), Span(6, 9, "person")))]
    answer = [Annotation(spans=(Span(0, 2, "city"), Span(3, 6, "city"), Span(6, 9, "city")))]
    counts = spans.tally(gold, answer, LABELS)
    assert counts.hits.tolist() == [[1, 0]]
    assert counts.predicted.tolist() == [[3, 0]]
    assert counts.gold.tolist() == [[2, 1]]
    assert counts.exact.tolist() == [0]
