"""An annotation as everything outside gives it: HTTP, files, captures, reports and the client share this one shape."""

from collections.abc import Mapping
from typing import Any

from volant.kinds.calibration import DIGITS
from volant.kinds.contract import Kind
from volant.kinds.record import Annotation


def answer(kind: Kind, annotation: Annotation, best: int | None = 1) -> dict[str, Any]:
    """Return an annotation as JSON: what is predicted under the kind's column, `score`, and `scores` on request.

    Args:
        kind: Of the model.
        annotation: What was predicted.
        best: How many scores are asked for: 1 is the answer's own, None is all.

    Example:
        >>> from volant.kinds import KINDS
        >>> answer(KINDS["classify"], Annotation(label="fresh", scores={"fresh": 0.9, "rotten": 0.1}))
        {'label': 'fresh', 'score': 0.9}
    """
    row = {kind.column: kind.cell(annotation), "score": kind.scored(annotation)}
    return row if best == 1 else {**row, "scores": top(annotation.scores, best)}


def top(scores: Mapping[str, float], best: int | None) -> dict[str, float]:
    """Return the best scores, the highest first.

    Example:
        >>> top({"a": 0.1, "b": 0.7, "c": 0.2}, 2)
        {'b': 0.7, 'c': 0.2}
    """
    ranked = sorted(scores, key=lambda label: -scores[label])[:best]
    return {label: round(float(scores[label]), DIGITS) for label in ranked}


def text(kind: Kind, annotation: Annotation, separator: str = ", ") -> str:
    """Return an annotation as one text, its labels in alphabetical order.

    Example:
        >>> from volant.kinds import KINDS
        >>> text(KINDS["multilabel"], Annotation(labels=("plot", "cast")))
        'cast, plot'
    """
    return separator.join(sorted(kind.labels_of(annotation)))
