"""How the labelled pieces of a text move when a cleaning step changes the text around them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from volant.kinds.record import Span

Word = re.Match[str]

WORD = re.compile(r"(?:\S|\x85)+")  # \x85 is white space to Python, but mostly an ellipsis decoded wrongly
# Characters aligned one by one cost about old x new steps; above this a changed stretch is taken as one edit.
LARGEST = 1_000_000


@dataclass(frozen=True, slots=True)
class Edit:
    """Characters `start` up to `end` of the old text became `length` ones; between edits nothing moves."""

    start: int
    end: int
    length: int


def move(spans: Iterable[Span], edits: Sequence[Edit]) -> list[Span]:
    """Where spans of the old text lie in the new one; a span whose text vanished is left out.

    A span that cuts through a replaced stretch takes in the whole replacement: half a placeholder is no use.

    Args:
        spans: Pieces of the old text.
        edits: What changed, in order, without overlaps.

    Example:
        >>> move([Span(4, 9, "city")], [Edit(0, 3, 0)])
        [Span(start=1, end=6, label='city')]
        >>> move([Span(0, 3, "gone")], [Edit(0, 3, 0)])
        []
    """
    moved = (replace(span, start=_start(span.start, edits), end=_end(span.end, edits)) for span in spans)
    return [span for span in moved if span.start < span.end]


def inverse(edits: Sequence[Edit]) -> list[Edit]:
    """Return the edits that lead back from the new text to the old one.

    Example:
        >>> move(move([Span(4, 9, "city")], [Edit(0, 3, 0)]), inverse([Edit(0, 3, 0)]))
        [Span(start=4, end=9, label='city')]
    """
    back = []
    shift = 0
    for edit in edits:
        start = edit.start + shift
        removed = edit.end - edit.start
        back.append(Edit(start, start + edit.length, removed))
        shift += edit.length - removed
    return back


def align(old: str, new: str) -> list[Edit]:
    """Edits from one text to the other, found by comparing words, then characters of what lies between.

    For steps which can't say what they changed, and which leave most words and their order as they were.

    Example:
        >>> align("a  cafe\u0301 in Nice", "a café in Nice")
        [Edit(start=2, end=3, length=0), Edit(start=6, end=8, length=1)]
    """
    edits: list[Edit] = []
    left = right = 0  # where the last pair of words ends
    for word, twin in _pairs(list(WORD.finditer(old)), list(WORD.finditer(new))):
        edits += _characters(old[left : word.start()], new[right : twin.start()], left)
        edits += _characters(word[0], twin[0], word.start())
        left, right = word.end(), twin.end()
    return edits + _characters(old[left:], new[right:], left)


def _pairs(first: list[Word], second: list[Word]) -> list[tuple[Word, Word]]:
    if len(first) == len(second):  # each word became one word: safer than looking for the longest stretch in common
        return list(zip(first, second, strict=True))
    words = SequenceMatcher(None, [w[0] for w in first], [w[0] for w in second], autojunk=False)
    return [(first[a + k], second[b + k]) for a, b, size in words.get_matching_blocks() for k in range(size)]


def _characters(old: str, new: str, offset: int) -> list[Edit]:
    if old == new:
        return []
    if len(old) * len(new) > LARGEST:
        return [Edit(offset, offset + len(old), len(new))]
    changes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [Edit(offset + a, offset + b, d - c) for tag, a, b, c, d in changes if tag != "equal"]


def _start(position: int, edits: Sequence[Edit]) -> int:
    shift = 0
    for edit in edits:
        if edit.end > position:
            return shift + min(position, edit.start)
        shift += edit.length - (edit.end - edit.start)
    return position + shift


def _end(position: int, edits: Sequence[Edit]) -> int:
    shift = 0
    for edit in edits:
        if edit.start >= position:  # what is put in just behind a span is not of the span
            break
        if edit.end > position:
            return edit.start + shift + edit.length
        shift += edit.length - (edit.end - edit.start)
    return position + shift
