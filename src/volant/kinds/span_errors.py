"""Errors of spans, told apart: wrong boundaries, wrong label, missed, invented; and scores by length of a span.

The sorts of errors are those of MUC-5 and SemEval-2013 task 9 (Segura-Bedmar et al. 2013,
https://aclanthology.org/S13-2056, section 5).
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from volant.kinds.record import NOTHING, Span

Pair = tuple[Span | None, Span | None]  # a gold span and the predicted one in its place; None: there is none
Table = list[dict[str, Any]]

SORTS = ("correct", "wrong boundaries", "wrong label", "wrong boundaries and label", "missed", "invented")
LENGTHS = (4, 8, 16, 32)  # longest span, in characters, of each class of lengths but the last


def overlap(one: Span, other: Span) -> bool:
    """Return True if two spans share a character."""
    return one.start < other.end and other.start < one.end


# how much of a gold span a prediction must have to count, from strict to lenient
MATCHES: dict[str, Callable[[Span, Span], bool]] = {
    "strict: boundaries and label": lambda gold, own: gold == own,
    "boundaries, any label": lambda gold, own: (gold.start, gold.end) == (own.start, own.end),
    "partial: overlap with the label": lambda gold, own: overlap(gold, own) and gold.label == own.label,
    "overlap, any label": overlap,
}


def pairs(gold: Sequence[Span], predicted: Sequence[Span]) -> list[Pair]:
    """Return each span once, with its counterpart: the most similar one that overlaps it.

    Equal spans are paired first, then those of the same boundaries, those of the same label, and the rest.

    Args:
        gold: Gold spans of a text.
        predicted: Predicted spans of the same text.

    Example:
        >>> pairs([Span(0, 4, "city")], [Span(0, 6, "city"), Span(8, 9, "city")])
        [(Span(start=0, end=4, label='city'), Span(start=0, end=6, label='city')),
         (None, Span(start=8, end=9, label='city'))]
    """
    result: list[Pair] = []
    rest = [sorted(spans, key=lambda span: (span.start, span.end, span.label)) for spans in (gold, predicted)]
    for match in MATCHES.values():
        for own in list(rest[1]):
            if counterpart := next((span for span in rest[0] if match(span, own)), None):
                result.append((counterpart, own))
                rest[0].remove(counterpart)
                rest[1].remove(own)
    return [*result, *((span, None) for span in rest[0]), *((None, span) for span in rest[1])]


def sort_of(pair: Pair) -> str:
    """Return the sort of error of a pair, or `correct`.

    Example:
        >>> sort_of((Span(0, 4, "city"), Span(0, 6, "city")))
        'wrong boundaries'
    """
    gold, own = pair
    if gold is None or own is None:
        return "invented" if gold is None else "missed"
    boundaries = (gold.start, gold.end) == (own.start, own.end)
    if gold.label == own.label:
        return "correct" if boundaries else "wrong boundaries"
    return "wrong label" if boundaries else "wrong boundaries and label"


def analysis(
    gold: Sequence[Sequence[Span]], predicted: Sequence[Sequence[Span]], labels: Sequence[str]
) -> dict[str, Table]:
    """Return the tables `errors`, `errors_by_label`, `matching`, `by_length` and `confusion` of all rows.

    Args:
        gold: Gold spans of each text.
        predicted: Predicted spans of each text.
        labels: Labels of spans.
    """
    found = [pair for row in zip(gold, predicted, strict=True) for pair in pairs(*row)]
    return {
        "errors": [{"error": sort, "spans": count} for sort, count in _sorts(found).items()],
        "errors_by_label": [{"label": label, **_sorts(_of(found, label))} for label in labels],
        "matching": [{"match": name, **_matching(gold, predicted, match)} for name, match in MATCHES.items()],
        "by_length": _by_length(found),
        "confusion": [{"gold": pair[0], "predicted": pair[1], "count": n} for pair, n in _confusion(found).items()],
    }


def _sorts(found: Iterable[Pair]) -> dict[str, int]:
    counts = Counter(map(sort_of, found))
    return {sort: counts[sort] for sort in SORTS}


def _of(found: Iterable[Pair], label: str) -> Iterator[Pair]:
    """Yield the pairs of a label: that of the gold span, or of an invented one."""
    return (pair for pair in found if (pair[0] or pair[1] or Span(0, 0, "")).label == label)


def _matching(
    gold: Sequence[Sequence[Span]], predicted: Sequence[Sequence[Span]], match: Callable[[Span, Span], bool]
) -> dict[str, Any]:
    """Return precision, recall and F1 where a span counts if it matches any span of the other side."""
    right = 0
    reached = 0
    for golds, owns in zip(gold, predicted, strict=True):
        matched = [(span, own) for span in golds for own in owns if match(span, own)]
        reached += len({id(span) for span, _ in matched})
        right += len({id(own) for _, own in matched})
    return _rates(right, sum(map(len, predicted)), reached, sum(map(len, gold)))


def _by_length(found: Sequence[Pair]) -> Table:
    """Return strict scores by the length of spans in characters, without lengths that no span has."""
    counts = {name: Counter[int]() for name in ("right", "predicted", "gold")}
    for gold, own in found:
        if gold:
            counts["gold"][_length(gold)] += 1
        if own:
            counts["predicted"][_length(own)] += 1
        if gold and gold == own:
            counts["right"][_length(gold)] += 1
    right, predicted, golds = counts.values()
    ends = [*map(str, LENGTHS), "more"]
    starts = [1, *(end + 1 for end in LENGTHS)]
    return [
        {
            "characters": f"{starts[k]} to {ends[k]}" if k < len(LENGTHS) else f"{starts[k]} or more",
            **_rates(right[k], predicted[k], right[k], golds[k]),
        }
        for k in range(len(ends))
        if predicted[k] or golds[k]
    ]


def _length(span: Span) -> int:
    return bisect_left(LENGTHS, span.end - span.start)


def _rates(right: int, predicted: int, reached: int, gold: int) -> dict[str, Any]:
    precision = right / predicted if predicted else 0.0
    recall = reached / gold if gold else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"precision": precision, "recall": recall, "f1": f1, "gold": gold, "predicted": predicted}


def _confusion(found: Iterable[Pair]) -> Counter[tuple[str, str]]:
    return Counter((gold.label if gold else NOTHING, own.label if own else NOTHING) for gold, own in found)
