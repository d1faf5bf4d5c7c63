"""Values of config that match no row: usually misspelt, or read by YAML as another type."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import pyarrow as pa

from volant.errors import did_you_mean
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


def note(table: pa.Table, missing: Mapping[str, str]) -> pa.Table:
    """Return the table with the unmatched values in its metadata, for `take_notes`."""
    return table.replace_schema_metadata({KEY: json.dumps(missing).encode()}) if missing else table


def take_notes(tables: Mapping[str, pa.Table]) -> tuple[dict[str, pa.Table], list[str]]:
    """Return the splits of a source without notes, and a sentence on each value that matches no row of any split."""
    notes = [json.loads((table.schema.metadata or {}).get(KEY, b"{}")) for table in tables.values()]
    unmatched = notes[0] if notes else {}
    for other in notes[1:]:
        unmatched = {key: near for key, near in unmatched.items() if key in other}
    sentences = [f"columns.{key}: no row of the source has this value.{near}" for key, near in unmatched.items()]
    return {split: _without(table) for split, table in tables.items()}, sentences


def _without(table: pa.Table) -> pa.Table:
    return table.replace_schema_metadata(None) if KEY in (table.schema.metadata or {}) else table
