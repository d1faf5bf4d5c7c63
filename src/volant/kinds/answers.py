"""The external form of an annotation: HTTP, files, captures, reports and the client share this one shape."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from volant.kinds.calibration import DIGITS
from volant.kinds.contract import Kind
from volant.kinds.record import NOTHING, Annotation, Span, Triple


def row(kind: Kind, annotation: Annotation) -> dict[str, Any]:
    """Return an annotation as the columns of a row, or the keys of a response.

    Example:
        >>> from volant.kinds import KINDS
        >>> row(KINDS["classify"], Annotation(label="fresh"))
        {'label': 'fresh'}
    """
    cell = kind.cell(annotation)
    return cell if isinstance(cell, dict) else {kind.columns[0]: cell}


def read_row(kind: Kind, columns: Mapping[str, Any]) -> Annotation:
    """Return the annotation in the columns of a row: the inverse of `row`."""
    return kind.read({name: columns[name] for name in kind.columns} if several(kind) else columns[kind.columns[0]])


def several(kind: Kind) -> bool:
    """Return True if the annotations of a kind take several columns."""
    return len(kind.columns) > 1


def column_types(kind: Kind) -> dict[str, pa.DataType]:
    """Return the Arrow type of each column of a kind.

    Example:
        >>> from volant.kinds import KINDS
        >>> column_types(KINDS["classify"])
        {'label': DataType(string)}
    """
    cell = kind.types[0]
    return {name: cell.field(name).type if several(kind) else cell for name in kind.columns}


def answer(kind: Kind, annotation: Annotation, best: int | None = 1) -> dict[str, Any]:
    """Return an annotation as JSON: the prediction under the kind's columns, `score`, and `scores` on request.

    Args:
        kind: Kind of the model.
        annotation: Prediction for one text.
        best: Number of scores to return: 1 is the prediction's own only, None is all.

    Example:
        >>> from volant.kinds import KINDS
        >>> answer(KINDS["classify"], Annotation(label="fresh", scores={"fresh": 0.9, "rotten": 0.1}))
        {'label': 'fresh', 'score': 0.9}
    """
    own = {**row(kind, annotation), "score": kind.scored(annotation)}
    own |= {} if annotation.in_scope is None else {"in_scope": annotation.in_scope}
    return own if best == 1 else {**own, "scores": top(annotation.scores, best)}


def top(scores: Mapping[str, float], best: int | None) -> dict[str, float]:
    """Return the highest scores in descending order; all of them where `best` is None.

    Example:
        >>> top({"a": 0.1, "b": 0.7, "c": 0.2}, 2)
        {'b': 0.7, 'c': 0.2}
    """
    ranked = sorted(scores, key=lambda label: -scores[label])[:best]
    return {label: round(float(scores[label]), DIGITS) for label in ranked}


def phrases(annotation: Annotation, source: str) -> list[str]:
    """Return an annotation in words: its labels, each span with its words, each triple with its parts.

    Args:
        annotation: Gold or predicted annotation.
        source: The text that it is about.

    Example:
        >>> phrases(Annotation(spans=(Span(3, 7, "city"),)), "In Oslo")
        ['Oslo [city]']
    """
    labels = [annotation.label] if annotation.label is not None else list(annotation.labels)
    spans = [f"{source[span.start : span.end]} [{span.label}]" for span in annotation.spans]
    return [*labels, *spans, *map(phrase, annotation.triples)]


def phrase(triple: Triple) -> str:
    """Return a triple in words."""
    return f"{triple.subject} – {triple.predicate} – {triple.object}"


def inline(source: str, spans: Iterable[Span]) -> str:
    """Return a text with the label of each span behind its words.

    Example:
        >>> inline("In Oslo today", [Span(3, 7, "city")])
        'In Oslo[city] today'
    """
    parts: list[str] = []
    start = 0
    for span in sorted(spans, key=lambda own: (own.end, own.start)):
        parts += [source[start : span.end], f"[{span.label}]"]
        start = span.end
    return "".join([*parts, source[start:]])


def shown(kind: Kind, annotation: Annotation, source: str) -> dict[str, str]:
    """Return a text and its annotation as the cells of a table: spans are in the text, a triple is a line.

    Args:
        kind: Kind of the model.
        annotation: Gold or predicted annotation.
        source: The text that it is about.

    Example:
        >>> from volant.kinds import kind_of_row
        >>> shown(kind_of_row(["spans"]), Annotation(spans=(Span(3, 7, "city"),)), "In Oslo")
        {'text': 'In Oslo[city]'}
    """
    own = {name: getattr(annotation, name) for name in kind.columns if name != "spans"}
    return {"text": inline(source, annotation.spans)} | {name: _cell(value) for name, value in own.items()}


def _cell(value: str | Sequence[str | Triple] | None) -> str:
    if value is None or isinstance(value, str):
        return value or NOTHING
    triples = any(isinstance(part, Triple) for part in value)
    parts = [part if isinstance(part, str) else phrase(part) for part in value]
    return ("\n" if triples else ", ").join(parts) or NOTHING
