"""Redaction of texts before they are stored: addresses, numbers and names that identify a person."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from volant.cleaning.edits import Edit, move
from volant.cleaning.placeholders import EMAIL, URL, USER
from volant.kinds.record import Annotation, Triple

# at least nine digits, or seven after a plus, with common separators between them; a date alone doesn't match
SEPARATOR = r"[ \u00a0\t().\-/]{0,2}"
PHONE = re.compile(
    rf"(?<![\w.])(?!\d{{4}}-\d\d-\d\d(?!\d))(?:\+\d(?:{SEPARATOR}\d){{6,17}}|\(?\d(?:{SEPARATOR}\d){{8,18}})(?!\w)"
)
DIGITS = re.compile(rf"\d(?:{SEPARATOR}\d){{6}}")  # a pre-check, many times faster for texts without a number
# the order matters: the rest of an address must not match as a user name
REDACTORS: dict[str, re.Pattern[str]] = {"url": URL, "email": EMAIL, "phone": PHONE, "user": USER}
# pre-checks, as most texts have nothing to redact
MAY: dict[str, Callable[[str], object]] = {
    "url": lambda text: "://" in text or "www." in text.lower(),
    "email": lambda text: "@" in text,
    "phone": DIGITS.search,
    "user": lambda text: "@" in text,
}


def redact(text: str, what: Sequence[str]) -> str:
    """Return the text with each match of some redactors replaced by the redactor's name in brackets.

    Args:
        text: The raw text.
        what: Names of `REDACTORS`.

    Example:
        >>> redact("@ann: call +44 20 7946 0958 or write to ann@example.com", ["email", "phone", "user"])
        '[user]: call [phone] or write to [email]'
        >>> redact("on 2026-11-21 it cost 1,500.50", ["phone"])
        'on 2026-11-21 it cost 1,500.50'
    """
    for name, pattern in _matching(text, what):
        text = pattern.sub(f"[{name}]", text)
    return text


def redact_annotated(text: str, annotation: Annotation, what: Sequence[str]) -> tuple[str, Annotation]:
    """Return the redacted text, and its annotation in the characters and words of that text.

    A span of which a part was redacted is extended to all of the redactor's name.

    Args:
        text: The raw text.
        annotation: Annotation of the raw text.
        what: Names of `REDACTORS`.

    Example:
        >>> from volant.kinds.record import Span
        >>> oslo = Annotation(spans=(Span(17, 21, "city"),))
        >>> text, annotation = redact_annotated("ann@example.com, Oslo", oslo, ["email"])
        >>> text, annotation.spans
        ('[email], Oslo', (Span(start=9, end=13, label='city'),))
    """
    spans = list(annotation.spans)
    raw = text
    for name, pattern in _matching(text, what):
        mark = f"[{name}]"
        if spans:
            spans = move(spans, [Edit(*found.span(), len(mark)) for found in pattern.finditer(text)])
        text = pattern.sub(mark, text)
    if text == raw:
        return text, annotation
    return text, replace(
        annotation, spans=tuple(spans), triples=tuple(_triple(own, what) for own in annotation.triples)
    )


def is_redacted(text: str) -> bool:
    """Return True if a text holds the name of a redactor, so that offsets in it may not be those of the raw text."""
    return any(f"[{name}]" in text for name in REDACTORS)


def _matching(text: str, what: Sequence[str]) -> list[tuple[str, re.Pattern[str]]]:
    return [(name, pattern) for name, pattern in REDACTORS.items() if name in what and MAY[name](text)]


def _triple(own: Triple, what: Sequence[str]) -> Triple:
    return Triple(redact(own.subject, what), own.predicate, redact(own.object, what), score=own.score)
