"""The way back: what is found in a cleaned text, such as a span, is given in the raw one that was sent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from volant.cleaning.edits import Edit, inverse, move
from volant.cleaning.parse import text_steps
from volant.cleaning.run import Config
from volant.kinds.record import Span


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A cleaned text, and what each step that changed it did.

    Attributes:
        text: After all steps.
        edits: Those of each step, the first step first.
    """

    text: str
    edits: tuple[Sequence[Edit], ...]

    def raw(self, spans: Iterable[Span]) -> list[Span]:
        """Return spans of the cleaned text as spans of the raw one, without what cleaning had removed around them."""
        found = list(spans)
        for edits in reversed(self.edits):
            found = move(found, inverse(edits))
        return found


def clean_text(raw: str, steps: Config) -> Cleaned:
    """Return a text after the text steps, and the way back.

    Args:
        raw: As it came in.
        steps: A config list, or what `parse_steps` made of it.

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
