"""The record that all modules share: a text with its annotation, in Python and in Parquet.

Gold rows, predictions, feedback and facts use it, so that no metric, service or plot has to convert.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

NOTHING = "(none)"  # no label; in a confusion: a label that was missed or predicted without a counterpart
# columns of gold, of every kind: no other column of a source may have these names
TARGETS = ("label", "labels", "spans", "triples")
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


@dataclass(frozen=True, slots=True)
class Annotation:
    """A gold or predicted annotation of one text; each kind of task fills its own fields.

    Attributes:
        label: The label, where a text has exactly one.
        labels: Every label that applies, in the order of the label set, where a text may have any number.
        spans: Labelled parts of the text.
        triples: Facts that the text states.
        scores: Probability (0 to 1) of each label; empty for gold.

    Example:
        >>> Annotation(label="fresh", scores={"fresh": 0.9, "rotten": 0.1}).label
        'fresh'
    """

    label: str | None = None
    labels: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()
    triples: tuple[Triple, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
