"""The record that all modules share: a text with its annotation, in Python and in Parquet.

Gold rows, predictions, feedback and facts use it, so that no metric, service or plot has to convert.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

NOTHING = "(none)"  # no label; in a confusion: a label that was missed or predicted without a counterpart
SLOT = "slot:"  # begins the labels of spans, in the label set of a kind with labels of whole texts beside them
# columns of gold, of every kind: no other column of a source may have these names
TARGETS = ("label", "labels", "spans", "triples")
QUOTED = {"triples": ("subject", "object")}  # columns whose objects have copies of parts of the text under these keys
SPANS = pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())]))
TRIPLES = pa.list_(pa.struct([("subject", pa.string()), ("predicate", pa.string()), ("object", pa.string())]))


@dataclass(frozen=True, slots=True)
class Span:
    """A labelled part of a text: from character `start` up to, not including, `end`."""

    start: int
    end: int
    label: str
    score: float | None = field(default=None, compare=False, repr=False)  # its probability, in a prediction


@dataclass(frozen=True, slots=True)
class Triple:
    """A fact that a text states, its parts as they stand in the text.

    `subject_at` and `object_at` are the characters of the two parts, where they are known.
    """

    subject: str
    predicate: str
    object: str
    subject_at: tuple[int, int] | None = field(default=None, compare=False, repr=False)
    object_at: tuple[int, int] | None = field(default=None, compare=False, repr=False)
    score: float | None = field(default=None, compare=False, repr=False)

    def moved(self, places: Callable[[Sequence[Span]], Sequence[Span]], text: str) -> "Triple":
        """Return the fact in another text, with the parts that this text has in its place.

        Args:
            places: Function from spans of the fact's own text to those of the other one.
            text: The other text.
        """
        subject, subject_at = _part(self.subject, self.subject_at, places, text)
        object_, object_at = _part(self.object, self.object_at, places, text)
        return replace(self, subject=subject, subject_at=subject_at, object=object_, object_at=object_at)


@dataclass(frozen=True, slots=True)
class Annotation:
    """A gold or predicted annotation of one text; each kind of task fills its own fields.

    Attributes:
        label: The label, where a text has exactly one.
        labels: Every label that applies, in the order of the label set, where a text may have any number.
        spans: Labelled parts of the text.
        triples: Facts that the text states.
        scores: Probability (0 to 1) of each label; empty for gold.
        in_scope: False if the text is probably of none of the labels; None where the kind can't tell.

    Example:
        >>> Annotation(label="fresh", scores={"fresh": 0.9, "rotten": 0.1}).label
        'fresh'
    """

    label: str | None = None
    labels: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()
    triples: tuple[Triple, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    in_scope: bool | None = field(default=None, compare=False)

    def moved(self, places: Callable[[Sequence[Span]], Sequence[Span]], text: str) -> "Annotation":
        """Return the annotation with its parts in another text.

        Args:
            places: Function from spans of the annotation's own text to those of the other one.
            text: The other text.
        """
        triples = tuple(triple.moved(places, text) for triple in self.triples)
        return replace(self, spans=tuple(places(self.spans)), triples=triples)


def _part(
    part: str, at: tuple[int, int] | None, places: Callable[[Sequence[Span]], Sequence[Span]], text: str
) -> tuple[str, tuple[int, int] | None]:
    spans = places([Span(*at, "")]) if at else []
    return (text[spans[0].start : spans[0].end], (spans[0].start, spans[0].end)) if spans else (part, None)
