"""Offsets that count UTF-16 code units, as browsers do, in place of characters (Unicode code points).

- Characters: spaCy, Prodigy and Rasa (Python), Amazon Comprehend
  (https://docs.aws.amazon.com/comprehend/latest/APIReference/API_Entity.html: "the position of each UTF-8 code point"),
  Label Studio since https://github.com/HumanSignal/label-studio-frontend/pull/308 (2022).
- UTF-16 units: Label Studio before (https://github.com/HumanSignal/label-studio/issues/1347), doccano without "count
  grapheme clusters" (https://github.com/doccano/doccano/issues/2290), Argilla
  (https://github.com/argilla-io/argilla/issues/5729), and what else runs in a browser.

The two differ only after a character beyond U+FFFF, such as an emoji. No file says which it has, so both are tried.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

WIDE = "\uffff"  # a greater character takes two units
Cells = Sequence[Sequence[Mapping[str, Any]] | None]


def in_characters(texts: Sequence[str | None], cells: Cells) -> list[list[dict[str, Any]] | None] | None:
    """Return the spans of a file in characters, if more of them then begin and end as words do; else None.

    Args:
        texts: Text of each row.
        cells: Spans of each row, objects with `start`, `end` and `label`.

    Example:
        >>> in_characters(["😀 Anna sings"], [[{"start": 3, "end": 7, "label": "PER"}]])
        [[{'start': 2, 'end': 6, 'label': 'PER'}]]
        >>> in_characters(["😀 Anna sings"], [[{"start": 2, "end": 6, "label": "PER"}]]) is None
        True
    """
    result = [None if spans is None else list(map(dict, spans)) for spans in cells]
    votes = 0
    for text, spans in zip(texts, result, strict=True):
        for span in spans if spans and text and max(text) > WIDE else ():
            start = to_characters(text or "", span["start"])
            end = to_characters(text or "", span["end"])
            votes += _fits(text or "", start, end) - _fits(text or "", span["start"], span["end"])
            span.update(start=start, end=end)
    return result if votes > 0 else None


def to_characters(text: str, units: int) -> int:
    """Return the number of characters that take so many UTF-16 code units; beyond the text, one each.

    Example:
        >>> to_characters("a😀b", 1), to_characters("a😀b", 3), to_characters("a😀b", 4)
        (1, 2, 3)
    """
    if units <= 0:
        return units
    ends = _ends(text)
    beyond = max(units - int(ends[-1]), 0) if len(ends) else units
    return int(np.searchsorted(ends, units - beyond)) + (units > beyond) + beyond


def as_quoted(texts: Sequence[str], start: int, end: int, quoted: str) -> tuple[int, int]:
    """Return the offsets of a span in characters, if the tool also gives its text; unchanged if neither unit fits.

    Args:
        texts: Possible texts of the row.
        start: First offset.
        end: Offset after the last one.
        quoted: The span's text, as the tool gives it.

    Example:
        >>> as_quoted(["😀 Anna"], 3, 7, "Anna"), as_quoted(["😀 Anna"], 2, 6, "Anna")
        ((2, 6), (2, 6))
    """
    if any(text[start:end] == quoted for text in texts):
        return start, end
    for text in texts:
        first = to_characters(text, start)
        last = to_characters(text, end)
        if text[first:last] == quoted:
            return first, last
    return start, end


@lru_cache(maxsize=4)
def _ends(text: str) -> np.ndarray:
    """Return the number of UTF-16 code units up to the end of each character, (N,)."""
    characters = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return np.cumsum(1 + (characters > ord(WIDE)))


def _fits(text: str, start: int, end: int) -> bool:
    """Return True if a span begins and ends where words do, without white space at its ends."""
    if not 0 <= start < end <= len(text) or text[start].isspace() or text[end - 1].isspace():
        return False
    return not (_inside(text, start) or _inside(text, end))


def _inside(text: str, at: int) -> bool:
    return 0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum()
