"""Places of a fact's parts in a text: their characters, and their tokens."""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice, product

import numpy as np

from volant.kinds.record import Triple

Place = tuple[int, int]  # first character, and the one after the last
MOST = 20  # places of a part that are looked at: a text may say a short one hundreds of times


def located(triple: Triple, text: str) -> Triple:
    """Return a fact with the characters of its parts, or None for a part that the text does not have.

    Of several places, those of whole words, apart from each other, and closest together are taken; then the first.

    Args:
        triple: A fact; characters that it has already are kept where they fit the text.
        text: The text.

    Example:
        >>> located(Triple("Ann", "lives in", "Oslo"), "Anna met Ann in Oslo").subject_at
        (9, 12)
    """
    subjects = _choices(triple.subject, triple.subject_at, text)
    objects = _choices(triple.object, triple.object_at, text)
    if not subjects or not objects:
        subject_at, object_at = (min(some, key=lambda p: _cost(text, p), default=None) for some in (subjects, objects))
    else:
        subject_at, object_at = min(product(subjects, objects), key=lambda pair: _pair_cost(text, *pair))
    return replace(triple, subject_at=subject_at, object_at=object_at)


def all_located(triples: Iterable[Triple], text: str) -> tuple[Triple, ...]:
    """Return facts with the characters of their parts in a text."""
    return tuple(located(triple, text) for triple in triples)


def occurrences(part: str, text: str) -> Iterator[Place]:
    """Yield the places of a part in a text, in order."""
    start = text.find(part) if part else -1
    while start >= 0:
        yield start, start + len(part)
        start = text.find(part, start + 1)


def tokens(place: Place | None, offsets: np.ndarray) -> Place:
    """Return the first and the last token that have a character of a place; -1 and -1 if there are none.

    So it is if a part of the place is in no token: a window that cuts it can't say it.

    Args:
        place: First character and the one after the last, or None.
        offsets: Characters of each token, (T, 2).
    """
    if place is None:
        return -1, -1
    inside = np.flatnonzero((offsets[:, 0] < place[1]) & (offsets[:, 1] > place[0]))
    if not len(inside) or offsets[inside[0], 0] > place[0] or offsets[inside[-1], 1] < place[1]:
        return -1, -1
    return int(inside[0]), int(inside[-1])


def trimmed(text: str, start: int, end: int) -> Place:
    """Return a place without white space at its ends.

    Args:
        text: The text.
        start: First character of the place.
        end: The character after its last.
    """
    part = text[start:end]
    return start + len(part) - len(part.lstrip()), end - len(part) + len(part.rstrip())


def _choices(part: str, place: Place | None, text: str) -> list[Place]:
    return [place] if place and text[slice(*place)] == part else list(islice(occurrences(part, text), MOST))


def _cost(text: str, place: Place) -> int:
    """Return the number of ends of a place that are inside of a word."""
    start, end = place
    left = start > 0 and _in_word(text[start - 1]) and _in_word(text[start])
    return left + (end < len(text) and _in_word(text[end]) and _in_word(text[end - 1]))


def _pair_cost(text: str, left: Place, right: Place) -> tuple[int, bool, int, Place, Place]:
    gap = max(left[0], right[0]) - min(left[1], right[1])
    return _cost(text, left) + _cost(text, right), gap < 0, abs(gap), left, right


def _in_word(character: str) -> bool:
    return character.isalnum() or unicodedata.combining(character) > 0
