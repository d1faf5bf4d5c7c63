"""Sorts of errors of spans, on made-up predictions; strict scores beside seqeval's, and beside their definition."""

import random

import pytest

from volant.kinds import KINDS
from volant.kinds.record import Annotation, Span
from volant.kinds.span_errors import SORTS, analysis, pairs, sort_of

LABELS = ("city", "company", "person")
WORD = 5  # characters of a word and the space behind it

Rows = list[list[Span]]


def spans(draw: random.Random, words: int) -> list[Span]:
    """Spans of whole words that don't overlap."""
    found = []
    word = 0
    while word < words:
        length = draw.choice((1, 1, 2, 3))
        if word + length <= words and draw.random() < 0.4:
            found.append(Span(word * WORD, (word + length) * WORD - 1, draw.choice(LABELS)))
        word += length
    return found


def made(count: int, seed: int) -> tuple[Rows, Rows]:
    """Gold, and predictions that are right in half of the rows."""
    draw = random.Random(seed)
    gold = [spans(draw, 12) for _ in range(count)]
    return gold, [own if draw.random() < 0.5 else spans(draw, 12) for own in gold]


def scored(gold: Rows, predicted: Rows) -> dict[str, float]:
    sides = [
        [Annotation(spans=tuple(row), scores=dict.fromkeys(LABELS, 0.5)) for row in rows] for rows in (gold, predicted)
    ]
    return KINDS["entities"].score(sides[0], sides[1], LABELS)


def tags(rows: Rows, words: int = 12) -> list[list[str]]:
    """The same spans as BIO2 tags of words."""
    result = []
    for row in rows:
        own = ["O"] * words
        for span in row:
            first, end = span.start // WORD, (span.end + 1) // WORD
            own[first:end] = [f"B-{span.label}", *[f"I-{span.label}"] * (end - first - 1)]
        result.append(own)
    return result


def test_strict_scores_are_those_of_seqeval() -> None:
    metrics = pytest.importorskip("seqeval.metrics")
    scheme = pytest.importorskip("seqeval.scheme")
    gold, predicted = made(300, 1)
    ours = scored(gold, predicted)
    strict = {"mode": "strict", "scheme": scheme.IOB2, "zero_division": 0}
    for average in ("micro", "macro", "weighted"):
        theirs = metrics.f1_score(tags(gold), tags(predicted), average=average, **strict)
        assert ours[f"{average}_f1"] == pytest.approx(theirs, abs=1e-9)
    theirs = metrics.precision_score(tags(gold), tags(predicted), average="macro", **strict)
    assert ours["macro_precision"] == pytest.approx(theirs, abs=1e-9)


def test_strict_scores_are_those_of_their_definition() -> None:
    """Sets of (row, start, end, label): what both sides have is right. No outside library is needed."""
    gold, predicted = made(200, 2)
    sides = [
        {(row, s.start, s.end, s.label) for row, own in enumerate(rows) for s in own} for rows in (gold, predicted)
    ]

    def f1(label: str | None) -> float:
        golds, owns = ({span for span in side if label in (None, span[3])} for side in sides)
        return 2 * len(golds & owns) / (len(golds) + len(owns))

    ours = scored(gold, predicted)
    assert ours["micro_f1"] == pytest.approx(f1(None))
    assert ours["macro_f1"] == pytest.approx(sum(map(f1, LABELS)) / 3)
    strict = analysis(gold, predicted, LABELS)["matching"][0]
    assert strict["f1"] == pytest.approx(ours["micro_f1"])
    assert strict["recall"] == pytest.approx(ours["micro_recall"])


@pytest.mark.parametrize(
    ("gold", "own", "sort"),
    [
        (Span(0, 4, "city"), Span(0, 4, "city"), "correct"),
        (Span(0, 4, "city"), Span(2, 6, "city"), "wrong boundaries"),
        (Span(0, 4, "city"), Span(0, 4, "person"), "wrong label"),
        (Span(0, 4, "city"), Span(2, 6, "person"), "wrong boundaries and label"),
        (Span(0, 4, "city"), None, "missed"),
        (None, Span(0, 4, "city"), "invented"),
    ],
)
def test_each_error_has_its_sort(gold: Span | None, own: Span | None, sort: str) -> None:
    assert pairs([gold] if gold else [], [own] if own else []) == [(gold, own)]
    assert sort_of((gold, own)) == sort
    tables = analysis([[gold] if gold else []], [[own] if own else []], LABELS)
    assert [row["error"] for row in tables["errors"] if row["spans"]] == [sort]
    label = (gold or own or Span(0, 1, "")).label
    assert [row["label"] for row in tables["errors_by_label"] if row[sort]] == [label]


def test_neighbours_that_only_touch_have_nothing_in_common() -> None:
    assert {sort_of(pair) for pair in pairs([Span(0, 4, "city")], [Span(4, 8, "city")])} == {"missed", "invented"}


def test_an_equal_span_is_no_counterpart_of_another() -> None:
    """The exact one is taken first, whatever else overlaps: one gold span in two is one right and one invented."""
    gold = [Span(0, 9, "city")]
    assert sorted(map(sort_of, pairs(gold, [Span(0, 4, "city"), Span(0, 9, "city")]))) == ["correct", "invented"]
    assert sorted(map(sort_of, pairs(gold, [Span(0, 4, "city"), Span(5, 9, "city")]))) == [
        "invented",
        "wrong boundaries",
    ]


def test_every_span_is_counted_once() -> None:
    gold, predicted = made(150, 3)
    tables = analysis(gold, predicted, LABELS)
    counts = {row["error"]: row["spans"] for row in tables["errors"]}
    assert tuple(counts) == SORTS
    assert all(counts.values())
    both = sum(counts[sort] for sort in SORTS[:4])
    assert both + counts["missed"] == sum(map(len, gold))
    assert both + counts["invented"] == sum(map(len, predicted))
    for sort in SORTS:
        assert sum(row[sort] for row in tables["errors_by_label"]) == counts[sort]
    assert sum(row["gold"] for row in tables["by_length"]) == sum(map(len, gold))
    assert sum(row["count"] for row in tables["confusion"] if row["gold"] == row["predicted"]) == both - (
        counts["wrong label"] + counts["wrong boundaries and label"]
    )


def test_lenient_matches_count_at_least_as_much_and_a_part_is_enough() -> None:
    gold, predicted = made(150, 4)
    strict, boundaries, partial, overlap = (row["f1"] for row in analysis(gold, predicted, LABELS)["matching"])
    assert strict < boundaries < overlap
    assert strict < partial < overlap
    halves = analysis([[Span(0, 9, "city")]], [[Span(0, 4, "city"), Span(5, 9, "city")]], LABELS)["matching"][2]
    assert (halves["precision"], halves["recall"], halves["predicted"]) == (1.0, 1.0, 2)


def test_length_in_characters() -> None:
    gold = [[Span(0, 4, "city"), Span(10, 15, "city"), Span(20, 60, "city")]]
    predicted = [[Span(0, 4, "city"), Span(10, 14, "city")]]
    rows = {row["characters"]: row for row in analysis(gold, predicted, LABELS)["by_length"]}
    assert {name: (row["gold"], row["predicted"], row["f1"]) for name, row in rows.items()} == {
        "1 to 4": (1, 2, pytest.approx(2 / 3)),
        "5 to 8": (1, 0, 0.0),
        "33 or more": (1, 0, 0.0),
    }


def test_kinds_of_whole_texts_have_no_tables() -> None:
    for kind in KINDS.values():
        assert (kind.analysis([], [], ["a"]) == {}) == (kind.head == "text")
