"""The gold that a client or a reviewer gives: columns of the kind, read and checked."""

from collections.abc import Collection, Mapping
from typing import Any

from volant.errors import VolantError, did_you_mean
from volant.kinds import Kind
from volant.kinds.answers import read_row
from volant.kinds.canonical import misfit
from volant.kinds.record import Annotation
from volant.service.errors import RefusedError

Columns = Mapping[str, Any]  # column of a kind, or `labels` of whole texts → its value


def given(kind: Kind, columns: Columns, model: str) -> Annotation:
    """Return the annotation in columns; labels of whole texts may be under `labels` for every such kind.

    Args:
        kind: Kind of the model.
        columns: The columns.
        model: Name of the model, for messages.

    Raises:
        RefusedError: 422 if these are not the columns of the kind, or their values can't be read, such as spans that
            overlap.
    """
    if kind.head == "text" and set(columns) == {"labels"}:
        labels = columns["labels"]
        if kind.exclusive and len(set(labels)) != 1:
            raise RefusedError(f"{model} assigns one label to each text; {len(labels)} were given.")
        return kind.annotate(sorted(set(labels)))
    if set(columns) != set(kind.columns):
        expected = " and ".join(f"`{name}`" for name in kind.columns)
        names = ", ".join(f"`{name}`" for name in columns)
        raise RefusedError(f"{names} is not what {model} predicts. Send {expected}.")
    try:
        return read_row(kind, columns)
    except (ValueError, TypeError, KeyError, AttributeError, VolantError) as error:
        names = " and ".join(kind.columns)
        raise RefusedError(f"The correct {names} can't be read: {str(error)[:300].rstrip('.')}.") from error


def require_labels(annotation: Annotation, kind: Kind, known: Collection[str], model: str) -> None:
    """Refuse labels that a model doesn't have.

    Args:
        annotation: The correct annotation.
        kind: Kind of the model.
        known: Labels of the model.
        model: Its name.

    Raises:
        RefusedError: 422.
    """
    for label in kind.labels_of(annotation):
        if label not in known:
            allowed = ", ".join(list(known)[:20])
            hint = did_you_mean(label[:100], known)
            raise RefusedError(f"'{label[:100]}' is not a label of {model}.{hint} Allowed: {allowed}.")


def require_fit(annotation: Annotation, text: str) -> None:
    """Refuse parts that are not in the text.

    Raises:
        RefusedError: 422.
    """
    if problem := misfit(annotation, text):
        raise RefusedError(f"This is not an annotation of the text: {problem}. Count characters from 0, end exclusive.")
