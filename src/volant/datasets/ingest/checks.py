"""Checks of every row to ingest: the bad ones, their lines and the reasons."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from volant.datasets.ingest.reading import LINE, Raw
from volant.errors import VolantError, did_you_mean
from volant.kinds import KINDS
from volant.sources.columns import labels_of as read_columns
from volant.sources.columns import to_rows
from volant.sources.formats.gold import part_of
from volant.sources.mapping import Columns, gold_columns, matching_rows, pick
from volant.sources.parts import absent_facts, identity, part_problems, read_parts
from volant.sources.unmatched import unmatched_values

MAX_TEXT = 100_000  # characters; these models read no longer texts
MAX_LABEL = 100
UNKNOWN = "unknown label"
SWAPPED = "label and text swapped"
LEAK = "leakage"
MISPLACED = "span doesn't fit its text"


@dataclass(frozen=True)
class Bad:
    """A row that can't be ingested: its file and line, the category of the error, its details, and its gold."""

    file: str
    line: int
    reason: str
    detail: str
    text: str
    labels: tuple[str, ...] = ()
    parts: dict[str, Any] | None = None  # column → its spans or triples, which labels alone don't tell

    @property
    def place(self) -> str:
        """Return its file and line as text; Parquet and JSON lists have rows instead of lines."""
        return f"{self.file}, {'row' if self.file.endswith(('.parquet', '.pq', '.json')) else 'line'} {self.line}"


@dataclass(frozen=True)
class Rows:
    """The rows of one file in the form of the lake.

    Attributes:
        table: Good rows, with the column `volant_line`.
        bad: Bad rows.
        left_out: Number of rows that config excludes.
        unmatched: Values of `columns` that no row of the file has, a sentence each.
    """

    table: pa.Table
    bad: list[Bad]
    left_out: int
    unmatched: list[str] = field(default_factory=list)


def labels_of(table: pa.Table, kind: str) -> list[tuple[str, ...]]:
    """Return the labels of each row, sorted, so that equal sets are equal."""
    return [tuple(sorted(KINDS[kind].labels_of(annotation))) for annotation in KINDS[kind].gold(table)]


def identities(table: pa.Table, kind: str) -> list[tuple[str, ...]]:
    """Return what tells two annotations of one text apart: the sorted labels, or the parts with their places."""
    return [tuple(sorted(identity(annotation, kind))) for annotation in KINDS[kind].gold(table)]


def rows_of(raw: Raw, kind: str, known: Collection[str]) -> Rows:
    """Turn the columns of a file into rows; those without a label are bad, not an error.

    Fails with `VolantError` if a column is missing, or can't contain text or labels.

    Args:
        raw: Columns of the file.
        kind: Kind of prediction.
        known: Labels of the flywheel.
    """
    columns = raw.columns
    pick(raw.table, columns.text, raw.origin)
    table = raw.table.filter(pa.array(matching_rows(raw.table, columns, raw.origin)))
    lines = table[LINE].to_pylist()
    labels, _ = read_columns(table, columns, kind, raw.origin, lines)
    unlabelled = [] if "" in columns.drop_labels else [line for line, v in zip(lines, labels, strict=True) if v is None]
    failed = dict.fromkeys(unlabelled, "no label") | raw.failed
    texts = ["" if text is None else str(text) for text in table[columns.text].to_pylist()]
    misplaced = _misplaced(table, texts, columns, kind, raw.origin)
    failed = misplaced | failed
    reasons = dict.fromkeys(misplaced, MISPLACED) | dict.fromkeys(unlabelled, "no label")
    reasons |= dict.fromkeys(raw.failed, "unreadable")
    bad = [
        Bad(raw.origin, line, reasons[line], failed[line], text, parts=parts)
        for line, text, parts in zip(lines, texts, _parts_of(table), strict=True)
        if line in failed
    ]
    values = set(chain.from_iterable(row or () for row in labels))
    # a value that is missing in label_map is an unknown label, which `check` reports with its line
    mapped = {value: value for value in values} | {str(old): new for old, new in columns.label_map.items()}
    mapped = {value: value if value in known else mapped[value] for value in values}
    keep = None if columns.keep is None else [*columns.keep, LINE]
    good = table.filter(pa.array([line not in failed for line in lines], pa.bool_()))
    mapping = replace(columns, label_map=mapped, keep=keep, where={})
    rows = to_rows(good, mapping, kind, raw.origin, good[LINE].to_pylist())
    excluded = raw.table.num_rows - table.num_rows + good.num_rows - rows.num_rows
    missing = unmatched_values(raw.table, labels, columns.where, {}, columns.drop_labels)
    unmatched = [f"{raw.origin}: columns.{key}: no row has this value.{near}" for key, near in missing.items()]
    unmatched += absent_facts(rows, raw.origin)
    return Rows(rows.replace_schema_metadata(None), bad, excluded, unmatched)


def _parts_of(table: pa.Table) -> list[dict[str, Any] | None]:
    """Return the spans or triples of each row, by the name of their column."""
    names = [field.name for field in table.schema if part_of(field.type)]
    return table.select(names).to_pylist() if names else [None] * table.num_rows


def _misplaced(table: pa.Table, texts: Sequence[str], columns: Columns, kind: str, where: str) -> dict[int, str]:
    """Return line → problem of each row whose spans don't fit its text."""
    if KINDS[kind].head == "text":
        return {}
    lines = table[LINE].to_pylist()
    own = gold_columns(table, columns, KINDS[kind].columns, where)
    parts = read_parts(table, own, kind, where, lines)
    return {lines[row]: problem for row, problem in part_problems(texts, parts, overlaps=False).items()}


def check(table: pa.Table, file: str, kind: str, known: Collection[str], new_labels: bool) -> list[Bad]:
    """Return the bad rows, each with its first reason.

    Args:
        table: Rows with `volant_line`.
        file: Name of their file.
        kind: Kind of prediction.
        known: Labels of the flywheel; empty to accept any.
        new_labels: True to accept other labels as well.
    """
    known = set(known)
    if not known:
        _refuse_swapped(table, file, kind)
    rows = zip(table[LINE].to_pylist(), table["text"].to_pylist(), labels_of(table, kind), strict=True)
    bad = []
    for (line, text, labels), parts in zip(rows, _parts_of(table), strict=True):
        for reason, detail in _problems(text, labels, known, new_labels):
            bad.append(Bad(file, line, reason, detail, text, labels, parts))
            break
    return bad


def _problems(text: str, labels: tuple[str, ...], known: set[str], new_labels: bool) -> Iterator[tuple[str, str]]:
    unknown = [label for label in labels if label not in known] if known else []
    if not text.strip():
        yield "empty text", "the text has only spaces"
    if len(text) > MAX_TEXT:
        yield "too long", f"{len(text):,} characters, at most {MAX_TEXT:,}"
    if "\ufffd" in text or any("\ufffd" in label for label in labels):
        yield "wrong encoding", "contains U+FFFD, which replaces a lost character; export it as UTF-8"
    if unknown and text.strip() in known:
        yield SWAPPED, f"'{text.strip()}' is a label"
    if long := next((label for label in labels if len(label) > MAX_LABEL or "\n" in label), None):
        yield SWAPPED if unknown else "too long", f"a label of {len(long):,} characters"
    if unknown and not new_labels:
        yield UNKNOWN, f"'{unknown[0]}'.{did_you_mean(unknown[0], known)}"


def _refuse_swapped(table: pa.Table, file: str, kind: str) -> None:
    """Refuse a file with label and text swapped: without known labels, if its texts recur and its labels hardly do.

    Raises:
        VolantError: If they seem to be swapped.
    """
    labels = set(chain.from_iterable(labels_of(table, kind)))
    texts = set(table["text"].to_pylist())
    if table.num_rows >= 10 and len(labels) > table.num_rows / 2 > 2 * len(texts):
        raise VolantError(
            f"{file}: label and text seem swapped: {len(texts)} different texts, {len(labels)} different labels. "
            "Choose the columns with --text and --label, or swap them in the file."
        )


def without(table: pa.Table, lines: Collection[int]) -> pa.Table:
    """Return the rows that don't begin on one of these lines."""
    return table.filter(pa.array(~np.isin(table[LINE].to_numpy(), list(lines))))
