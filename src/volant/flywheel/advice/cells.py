"""Gold as cells of a CSV that a person edits and `volant ingest` reads back."""

import json

from volant.kinds import Kind
from volant.kinds.answers import row
from volant.kinds.record import Annotation


def gold_columns(kind: Kind) -> tuple[str, ...]:
    """Return the names of the columns: `label` for labels of whole texts, else those of the kind.

    Example:
        >>> from volant.kinds import KINDS, kind_of_labels
        >>> gold_columns(KINDS[kind_of_labels(exclusive=False)])
        ('label',)
    """
    return ("label",) if kind.head == "text" else kind.columns


def gold_cells(kind: Kind, annotation: Annotation) -> list[str]:
    """Return the cells of an annotation: labels separated by `|`; parts of a text as JSON.

    Example:
        >>> from volant.kinds import kind_of_row
        >>> from volant.kinds.record import Span
        >>> gold_cells(kind_of_row(["spans"]), Annotation(spans=(Span(3, 7, "city"),)))
        ['[{"start": 3, "end": 7, "label": "city"}]']
    """
    if kind.head == "text":
        return ["|".join(kind.labels_of(annotation))]
    columns = row(kind, annotation)
    cells = [columns[name] for name in kind.columns]
    return [cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False) for cell in cells]
