"""Values of config that match no row: usually misspelt, or read by YAML as another type."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import pyarrow as pa

from volant.errors import did_you_mean
from volant.sources.formats.gold import NOTES
from volant.sources.labels import plain, values_of

KEY = b"volant unmatched"
Values = Mapping[str, Sequence[str]]


def unmatched_values(
    table: pa.Table,
    rows: Sequence[tuple[str, ...] | None],
    where: Mapping[str, Any],
    names: Mapping[str, str],
    drop: Iterable[str | int],
) -> dict[str, str]:
    """Return each value of `columns` that no row has, with a hint to the nearest existing value.

    Args:
        table: Complete table of the source.
        rows: Labels of the rows that match `where`, as in the source.
        where: Column → value or values that a row must have.
        names: Value in the source → label.
        drop: Labels to exclude.
    """
    missing: dict[str, str] = {}
    for column, allowed in where.items():
        values = set().union(*map(values_of, table[column].to_pylist()))
        for value in map(plain, allowed if isinstance(allowed, list) else [allowed]):
            if value not in values:
                missing[f"where: {column}: {value}"] = did_you_mean(value or "", values - {None})
    labels = set(chain.from_iterable(row or () for row in rows))
    mapped = labels | {names[label] for label in labels if label in names}
    for value, label in names.items():
        if value not in labels and label not in labels:
            missing[f"label_map: {value}"] = did_you_mean(value, labels)
    for label in map(str, drop):
        if label and label not in mapped:
            missing[f"drop_labels: {label}"] = did_you_mean(label, mapped)
    return missing


def note(table: pa.Table, missing: Mapping[str, str], source: pa.Table) -> pa.Table:
    """Return the table with notes in its metadata, for `take_notes`.

    Args:
        table: Rows of a source.
        missing: Values of `columns` that no row has.
        source: Table of the rows, which may have notes of its own.
    """
    metadata = {KEY: json.dumps(missing).encode()} if missing else {}
    notes = (source.schema.metadata or {}).get(NOTES)
    metadata |= {NOTES: notes} if notes else {}
    return table.replace_schema_metadata(metadata) if metadata else table


def take_notes(tables: Mapping[str, pa.Table]) -> tuple[dict[str, pa.Table], list[str]]:
    """Return the splits of a source without notes, and the notes: a sentence on each value that no split has, and more.

    A note on a conversion stands for its split only.
    """
    notes = [json.loads((table.schema.metadata or {}).get(KEY, b"{}")) for table in tables.values()]
    unmatched = notes[0] if notes else {}
    for other in notes[1:]:
        unmatched = {key: near for key, near in unmatched.items() if key in other}
    sentences = [f"columns.{key}: no row of the source has this value.{near}" for key, near in unmatched.items()]
    for table in tables.values():
        sentences += json.loads((table.schema.metadata or {}).get(NOTES, b"[]"))
    return {split: _without(table) for split, table in tables.items()}, sentences


def _without(table: pa.Table) -> pa.Table:
    return table.replace_schema_metadata(None) if {KEY, NOTES} & set(table.schema.metadata or {}) else table
