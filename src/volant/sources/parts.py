"""Gold that names parts of a text, such as spans: read from a source's column as the kind writes it."""

import json
from collections.abc import Collection, Mapping

import pyarrow as pa

from volant.errors import VolantError
from volant.kinds import KINDS
from volant.kinds.record import Annotation


def read_parts(column: pa.ChunkedArray, kind: str, where: str) -> list[Annotation]:
    """Return the annotation of each cell: a list of objects, or its JSON; nothing at all is a text without parts.

    Args:
        column: Column of the source.
        kind: Name of the kind.
        where: Description of the column, for messages.

    Raises:
        VolantError: If a cell is not what the kind reads; says which row.
    """
    parts = []
    for row, cell in enumerate(column.to_pylist(), 1):
        try:
            parts.append(KINDS[kind].read(json.loads(cell) if isinstance(cell, str) and cell else cell or []))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise VolantError(
                f"{where}, row {row} can't be read as {kind}: {type(error).__name__}: {str(error)[:200]}. "
                f"Expected a list of objects, {KINDS[kind].types[0]}, in Parquet or JSON."
            ) from error
    return parts


def new_names(
    annotation: Annotation, kind: str, names: Mapping[str, str], drop: Collection[object]
) -> dict[str, str | None]:
    """Return the new name of each label of an annotation; None for one to leave out.

    Args:
        annotation: Gold as the source has it.
        kind: Name of the kind.
        names: Value in the source to label.
        drop: Labels to leave out, under either name.
    """
    dropped = set(map(str, drop))
    labels = KINDS[kind].labels_of(annotation)
    renamed = {label: names.get(label, label) for label in labels}
    return {old: None if {old, new} & dropped else new for old, new in renamed.items()}


def identity(annotation: Annotation, kind: str) -> list[str]:
    """Return what tells two annotations of one text apart: the labels, or a part and its place each.

    Example:
        >>> from volant.kinds import kind_of_labels
        >>> identity(Annotation(labels=("plot", "cast")), kind_of_labels(exclusive=False))
        ['plot', 'cast']
    """
    cell = KINDS[kind].cell(annotation)
    cells = cell if isinstance(cell, list) else [cell]
    return [part if isinstance(part, str) else json.dumps(part, sort_keys=True) for part in cells if part is not None]
