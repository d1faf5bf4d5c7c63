"""Gold that names parts of a text, such as spans: read from a source's column, whichever tool wrote it."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from volant.errors import VolantError
from volant.kinds import KINDS
from volant.kinds.answers import read_row
from volant.kinds.record import Annotation
from volant.sources.formats.facts import absent, facts_of
from volant.sources.formats.gold import FIELDS, part_of
from volant.sources.formats.jsonl import MIXED
from volant.sources.formats.spans import problem_of, spans_of
from volant.sources.labels import plain

READERS: Mapping[str, Callable[[object], list[dict[str, Any]]]] = {"spans": spans_of, "triples": facts_of}


def part_column(table: pa.Table, target: str, where: str, setting: str = "label") -> str:
    """Return the column of spans or triples of a table if the user named none: by its name, else the only one.

    Args:
        table: Columns as the source has them.
        target: Column of rows: `spans` or `triples`.
        where: Name of the table, for messages.
        setting: Key of `columns` that names it.

    Raises:
        VolantError: If there is none, or several are possible; the message has the reason.
    """
    if target in table.column_names:
        return target
    names = [field.name for field in table.schema if part_of(field.type) == target]
    if len(names) == 1:
        return names[0]
    if names:
        raise VolantError(
            f"{where}: several columns hold {target}: {', '.join(names)}. Choose with `columns.{setting}`."
        )
    unread = [value for key, value in (table.schema.metadata or {}).items() if key.startswith(MIXED.encode())]
    if unread:
        raise VolantError(unread[0].decode())
    raise VolantError(
        f"{where}: no column holds {target}. Its columns: {', '.join(table.column_names)}. Expected lists of objects "
        f"({', '.join(sorted(FIELDS[target]))}), or tokens with their tags; docs/data.md has the formats of tools. "
        f"Name the column as `columns.{setting}`."
    )


def place_of_row(where: str, row: int, lines: Sequence[int] | None) -> str:
    """Return the place of a row for messages.

    Args:
        where: Name of the table.
        row: Number of the row, from 0.
        lines: Line of each row, if the table has lines.

    Example:
        >>> place_of_row("a.jsonl", 0, [3]), place_of_row("a dataset", 0, None)
        ('a.jsonl, line 3', 'a dataset, row 1')
    """
    return f"{where}, row {row + 1}" if lines is None else f"{where}, line {lines[row]}"


def read_parts(
    table: pa.Table, columns: Mapping[str, str], kind: str, where: str, lines: Sequence[int] | None = None
) -> list[Annotation]:
    """Return the annotation of each row: lists of parts, or their JSON; nothing at all is a text without parts.

    Args:
        table: Columns as the source has them.
        columns: Column of the source for each column of the kind.
        kind: Name of the kind.
        where: Description of the column, for messages.
        lines: Line of each row, if the table has lines.

    Raises:
        VolantError: If a cell is not what the kind reads; names file and line.
    """
    cells = zip(*(table[column].to_pylist() for column in columns.values()), strict=True)
    parts = []
    for row, own in enumerate(cells):
        try:
            values = {name: _value(name, cell) for name, cell in zip(columns, own, strict=True)}
            parts.append(read_row(KINDS[kind], values))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            place = place_of_row(where, row, lines)
            raise VolantError(
                f"{place} can't be read as {kind}: {type(error).__name__}: {str(error)[:200]}. "
                f"Expected a list of objects, {KINDS[kind].types[0]}, in Parquet or JSON."
            ) from error
    return parts


def _value(name: str, cell: Any) -> Any:
    """Return a cell as the kind reads it: parts as lists of objects, a label as a text."""
    if name not in READERS:
        return cell if cell is None or isinstance(cell, list) else plain(cell)
    return READERS[name](json.loads(cell) if isinstance(cell, str) and cell else cell or [])


def part_problems(texts: Sequence[str], gold: Sequence[Annotation], overlaps: bool) -> dict[int, str]:
    """Return the number of each row, from 0, whose spans don't fit its text, with the problem.

    Args:
        texts: Text of each row.
        gold: Annotation of each row.
        overlaps: True if spans may overlap.

    Example:
        >>> from volant.kinds.record import Span
        >>> part_problems(["Ann"], [Annotation(spans=(Span(2, 2, "PER"),))], overlaps=False)
        {0: 'span 2-2 (PER) is empty: `end` must be greater than `start`, as it is exclusive.'}
    """
    problems = {}
    for row, (text, annotation) in enumerate(zip(texts, gold, strict=True)):
        spans = [asdict(span) for span in annotation.spans]
        if spans and (problem := problem_of(text, spans, overlaps)):
            problems[row] = problem
    return problems


def absent_facts(table: pa.Table, where: str) -> list[str]:
    """Return a warning on the triples whose subject or object isn't in the text; they are kept.

    Args:
        table: Rows.
        where: Name of the table, for messages.
    """
    if "triples" not in table.column_names:
        return []
    missing = 0
    total = 0
    example = ""
    for text, cell in zip(table["text"].to_pylist(), table["triples"].to_pylist(), strict=True):
        for fact in cell or ():
            total += 1
            if parts := absent(text, [fact]):
                missing += 1
                example = example or f"'{parts[0]}' is not in '{text[:60]}'"
    if not missing:
        return []
    return [
        f"{where}: {missing:,} of {total:,} triples have a subject or an object that isn't in the text, as {example}. "
        "They are kept, but no model that points into the text can find them."
    ]


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
