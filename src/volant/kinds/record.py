"""The record that everything speaks: a text with its annotation, in Python and in Parquet.

Gold rows, predictions, feedback and facts share it, so that a metric, a service or a graph never converts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

# columns that hold gold, of whatever kind: no other column of a source may be called so
TARGETS = ("label", "labels", "spans", "triples")
SPANS = pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())]))


@dataclass(frozen=True, slots=True)
class Span:
    """A labelled piece of a text: characters `start` up to, not including, `end`."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Annotation:
    """What a person or a model says of one text; each kind of task fills its own fields.

    Attributes:
        label: The one label, where a text has exactly one.
        labels: Every label that holds, in the order of the label set, where a text may have any number.
        spans: Labelled pieces of the text.
        scores: Probability (0 to 1) of each label; empty for gold.

    Example:
        >>> Annotation(label="fresh", scores={"fresh": 0.9, "rotten": 0.1}).label
        'fresh'
    """

    label: str | None = None
    labels: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
