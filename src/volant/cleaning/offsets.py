"""Offsets of a cleaned text as offsets of the raw text, for results such as spans."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from volant.cleaning.edits import Edit, inverse, move
from volant.cleaning.parse import text_steps
from volant.cleaning.run import Config
from volant.kinds.record import Annotation, Span


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A cleaned text, and the edits of each step that changed it.

    Attributes:
        text: The text after all steps.
        edits: Edits of each step, in the order of the steps.
    """

    text: str
    edits: tuple[Sequence[Edit], ...]

    def raw(self, spans: Iterable[Span]) -> list[Span]:
        """Return spans of the cleaned text as spans of the raw one, without removed characters around them."""
        moved = list(spans)
        for edits in reversed(self.edits):
            moved = move(moved, inverse(edits))
        return moved

    def annotation(self, annotation: Annotation, raw: str) -> Annotation:
        """Return an annotation of the cleaned text as one of the raw text.

        Args:
            annotation: Its parts have their characters in the cleaned text.
            raw: The text before cleaning.
        """
        return annotation.moved(self.raw, raw) if self.edits else annotation


def clean_text(raw: str, steps: Config) -> Cleaned:
    """Return a text after the text steps, with its edits.

    Args:
        raw: The text as received.
        steps: A config list, or the result of `parse_steps`.

    Example:
        >>> cleaned = clean_text("<b>In  Nice</b>", ["html", "whitespace"])
        >>> cleaned.text, cleaned.raw([Span(3, 7, "city")])
        ('In Nice', [Span(start=7, end=11, label='city')])
    """
    text = raw
    edits = []
    for step in text_steps(steps):
        cleaned = step.apply(text)
        if cleaned != text:
            edits.append(step.edits(text, cleaned))
            text = cleaned
    return Cleaned(text, tuple(edits))
