"""Values of config that match no row: usually misspelt, or read by YAML as something else."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from volant.errors import did_you_mean
from volant.sources.labels import held, plain

KEY = b"volant unmatched"
Values = Mapping[str, Sequence[str]]


def unmatched_values(
    table: pa.Table,
    found: Sequence[tuple[str, ...] | None],
    where: Mapping[str, Any],
    names: Mapping[str, str],
    drop: Iterable[str | int],
) -> dict[str, str]:
    """Each value of `columns` that no row has, with the nearest that one has.

    Args:
        table: The source's, all of it.
        found: Labels of the rows that `where` leaves, as the source has them.
        where: Column to the value or values that a row must have.
        names: Value in the source to label.
        drop: Labels to leave out.
    """
    missing: dict[str, str] = {}
    for column, wanted in where.items():
        values = set().union(*map(held, table[column].to_pylist()))
        for value in map(plain, wanted if isinstance(wanted, list) else [wanted]):
            if value not in values:
                missing[f"where: {column}: {value}"] = did_you_mean(value or "", values - {None})
    labels = {label for row in found for label in row or ()}
    mapped = labels | {names[label] for label in labels if label in names}
    for old, new in names.items():
        if old not in labels and new not in labels:
            missing[f"label_map: {old}"] = did_you_mean(old, labels)
    for label in map(str, drop):
        if label and label not in mapped:
            missing[f"drop_labels: {label}"] = did_you_mean(label, mapped)
    return missing


def note(table: pa.Table, missing: Mapping[str, str]) -> pa.Table:
    """The table with that in its metadata, where `take_notes` finds it."""
    return table.replace_schema_metadata({KEY: json.dumps(missing).encode()}) if missing else table


def take_notes(tables: Mapping[str, pa.Table]) -> tuple[dict[str, pa.Table], list[str]]:
    """The splits of a source without notes, and a sentence on each value that matches no row in any of them."""
    noted = [json.loads((table.schema.metadata or {}).get(KEY, b"{}")) for table in tables.values()]
    never = [key for key in (noted[0] if noted else {}) if all(key in one for one in noted)]
    said = [f"columns.{key}: no row of the source has this value.{noted[0][key]}" for key in never]
    return {split: _without(table) for split, table in tables.items()}, said


def _without(table: pa.Table) -> pa.Table:
    return table.replace_schema_metadata(None) if KEY in (table.schema.metadata or {}) else table
