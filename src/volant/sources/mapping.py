"""The columns of a source that a flywheel reads, by name, and which of them hold its gold."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from pydantic import Field
from pydantic.dataclasses import dataclass

from volant.config import STRICT
from volant.errors import VolantError, did_you_mean
from volant.sources.formats.jsonl import MIXED
from volant.sources.labels import plain, values_of
from volant.sources.parts import READERS, part_column

DEFAULTS = ("label", "labels", ["label"], ["labels"])  # no name of the user's own


@dataclass(frozen=True, config=STRICT)
class Columns:
    """The columns of a source to read, and the names of their labels (see `conf/source/files.yaml`).

    Attributes:
        text: Column of the text.
        label: Column of the label, or several of which the first that exists counts (a mirror may have another name);
            for a kind of spans or triples, their column, by default the only one that the source has.
        spans: Column of the spans, for a kind that has a label as well.
        label_columns: Columns of 0 and 1, one for each label, instead of `label`.
        id: Column of the id; by default, ids are hashes of text and labels.
        separator: Separator of several labels in one cell; a list written as text needs none.
        label_map: Value in the source → label; a value that is one of the labels already stays.
        drop_labels: Labels, as in the source or as mapped, whose rows are excluded; "" means no value at all.
        where: Column → value or values that a row must have.
        keep: Extra columns to keep; by default all with plain values.
    """

    text: str = "text"
    label: str | list[str] = "label"
    spans: str | list[str] = "spans"
    label_columns: list[str] = Field(default_factory=list)
    id: str | None = None
    separator: str | None = Field(default=None, min_length=1)
    label_map: dict[str | int, str] = Field(default_factory=dict)
    drop_labels: list[str | int] = Field(default_factory=list)
    where: dict[str, str | int | list[str | int]] = Field(default_factory=dict)
    keep: list[str] | None = None

    @property
    def attributes(self) -> list[str]:
        """Label attributes of a manifest by preference; none if `label` has its default."""
        names = [self.label] if isinstance(self.label, str) else self.label
        return [] if names in DEFAULTS else names

    @property
    def tags(self) -> list[str]:
        """Columns of tags of tokens by preference: those of the spans, else of the label; none by default."""
        names = [self.spans] if isinstance(self.spans, str) else self.spans
        return self.attributes if names == ["spans"] else names


def gold_columns(table: pa.Table, mapping: Columns, targets: Sequence[str], where: str) -> dict[str, str]:
    """Return the source's column for each column of a kind's rows: that of config, else the only one with such gold.

    Fails with `VolantError` if one is missing, or several are possible.

    Args:
        table: Columns as the source has them.
        mapping: Columns to read. `label` names the gold of every kind, and `spans` those that a label has beside it.
        targets: Columns of rows: `label` or `labels`, `spans`, `triples`.
        where: Name of the table for messages.
    """
    columns = {}
    for target in targets:
        beside = target == "spans" and len(targets) > 1
        names = mapping.spans if beside else mapping.label
        if target in READERS and names in (("spans",) if beside else DEFAULTS):
            columns[target] = part_column(table, target, where, "spans" if beside else "label")
        else:
            columns[target] = pick(table, names, where)
    return columns


def pick(table: pa.Table, names: str | Sequence[str], where: str) -> str:
    """Return the first of `names` that is a column.

    Args:
        table: Columns as the source has them.
        names: One name, or several by preference.
        where: Name of the table for messages.

    Raises:
        VolantError: If none is; the message has the columns and the nearest name, or the reason why the column can't
            be read.
    """
    candidates = [names] if isinstance(names, str) else list(names)
    for name in candidates:
        if name in table.column_names:
            return name
        if problem := (table.schema.metadata or {}).get(f"{MIXED}{name}".encode()):
            raise VolantError(problem.decode())
    near = did_you_mean(candidates[0], table.column_names) if candidates else ""
    raise VolantError(
        f"{where}: no column {' or '.join(map(repr, candidates))}.{near} "
        f"Its columns: {', '.join(table.column_names)}. Name the right one under `columns`."
    )


def matching_rows(table: pa.Table, mapping: Columns, where: str) -> np.ndarray:
    """Return True for each row with the values that `columns.where` requires, (N,).

    Fails with `VolantError` if one of its columns is missing.

    Args:
        table: Columns as the source has them, N rows.
        mapping: Columns to read.
        where: Name of the table for messages.
    """
    matches = np.ones(table.num_rows, dtype=bool)
    for name, allowed in mapping.where.items():
        pick(table, name, f"{where}, columns.where")
        values = {plain(v) for v in (allowed if isinstance(allowed, list) else [allowed])}
        cells = map(values_of, table[name].to_pylist())
        # a list, such as the states of several annotators, matches if all its values do
        matches &= np.fromiter((bool(cell) and cell <= values for cell in cells), dtype=bool, count=len(matches))
    return matches
