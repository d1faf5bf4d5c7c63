"""Edits of a text, and how labelled spans follow them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from volant.kinds.record import Span

Word = re.Match[str]

WORD = re.compile(r"(?:\S|\x85)+")  # \x85 is white space to Python, but mostly an ellipsis decoded wrongly
# Alignment by characters costs about old x new steps; above this a changed stretch is one edit.
LARGEST = 1_000_000


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit: characters `start` up to `end` of the old text are replaced by `length` characters."""

    start: int
    end: int
    length: int


def move(spans: Iterable[Span], edits: Sequence[Edit]) -> list[Span]:
    """Return spans of the old text as spans of the new one, without spans whose text was removed.

    A span that overlaps a replacement is extended to all of it: a part of a placeholder has no meaning.

    Args:
        spans: Spans of the old text.
        edits: Edits in order, without overlaps.

    Example:
        >>> move([Span(4, 9, "city")], [Edit(0, 3, 0)])
        [Span(start=1, end=6, label='city')]
        >>> move([Span(0, 3, "gone")], [Edit(0, 3, 0)])
        []
    """
    moved = (replace(span, start=_start(span.start, edits), end=_end(span.end, edits)) for span in spans)
    return [span for span in moved if span.start < span.end]


def inverse(edits: Sequence[Edit]) -> list[Edit]:
    """Return the edits from the new text back to the old one.

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
    """Return the edits from one text to the other, by a comparison of words, then of the characters between them.

    For steps that can't report their edits, and that leave most words and their order unchanged.

    Example:
        >>> align("a  cafe\u0301 in Nice", "a café in Nice")
        [Edit(start=2, end=3, length=0), Edit(start=6, end=8, length=1)]
    """
    edits: list[Edit] = []
    old_end = 0  # of the last pair of words
    new_end = 0
    for old_word, new_word in _pairs(list(WORD.finditer(old)), list(WORD.finditer(new))):
        edits += _characters(old[old_end : old_word.start()], new[new_end : new_word.start()], old_end)
        edits += _characters(old_word[0], new_word[0], old_word.start())
        old_end = old_word.end()
        new_end = new_word.end()
    return edits + _characters(old[old_end:], new[new_end:], old_end)


def _pairs(first: list[Word], second: list[Word]) -> list[tuple[Word, Word]]:
    if len(first) == len(second):  # each word became one word: safer than a search for the longest common stretch
        return list(zip(first, second, strict=True))
    words = SequenceMatcher(None, [word[0] for word in first], [word[0] for word in second], autojunk=False)
    pairs: list[tuple[Word, Word]] = []
    for a, b, size in words.get_matching_blocks():
        pairs += zip(first[a : a + size], second[b : b + size], strict=True)
    return pairs


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
        if edit.start >= position:  # an insertion just behind a span does not belong to it
            break
        if edit.end > position:
            return edit.start + shift + edit.length
        shift += edit.length - (edit.end - edit.start)
    return position + shift
