"""The external form of an annotation: HTTP, files, captures, reports and the client share this one shape."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from volant.kinds.calibration import DIGITS
from volant.kinds.contract import Kind
from volant.kinds.record import Annotation


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


def text(kind: Kind, annotation: Annotation, separator: str = ", ") -> str:
    """Return an annotation as one text, its labels in alphabetical order.

    Args:
        kind: Kind of the model.
        annotation: Gold or predicted annotation.
        separator: Text between two labels.

    Example:
        >>> from volant.kinds import KINDS
        >>> text(KINDS["multilabel"], Annotation(labels=("plot", "cast")))
        'cast, plot'
    """
    return separator.join(sorted(kind.labels_of(annotation)))
