"""Checks of every row to ingest: which are bad, on which line, and why."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from volant.datasets.ingest.reading import LINE, Raw
from volant.errors import VolantError, did_you_mean
from volant.kinds import KINDS
from volant.sources.columns import chosen_rows, pick, to_rows
from volant.sources.columns import labels_of as read_columns
from volant.sources.unmatched import unmatched_values

MAX_TEXT = 100_000  # characters; a longer one is no text that these models read
MAX_LABEL = 100
UNKNOWN = "unknown label"
SWAPPED = "label and text swapped"
LEAK = "leakage"


@dataclass(frozen=True)
class Bad:
    """A row that can't be ingested: its file and line, the sort of mistake, and what exactly it is."""

    file: str
    line: int
    reason: str
    detail: str
    text: str
    labels: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Return its place in words; Parquet and JSON lists have rows and no lines."""
        return f"{self.file}, {'row' if self.file.endswith(('.parquet', '.pq', '.json')) else 'line'} {self.line}"


@dataclass(frozen=True)
class Rows:
    """The rows of one file in the form of the lake, with `volant_line`; and how many config leaves out.

    Attributes:
        unmatched: Values of `columns` that no row of the file has, a sentence each.
    """

    table: pa.Table
    bad: list[Bad]
    left_out: int
    unmatched: list[str] = field(default_factory=list)


def labels_of(table: pa.Table, kind: str) -> list[tuple[str, ...]]:
    """The labels of each row, sorted, so that equal sets are equal."""
    return [tuple(sorted(KINDS[kind].labels_of(a))) for a in KINDS[kind].gold(table)]


def rows_of(raw: Raw, kind: str, known: Collection[str]) -> Rows:
    """Turn the columns of a file into rows; those without a label are bad, not an error.

    Fails with `VolantError` if a column is missing, or can't hold text or labels.
    """
    columns = raw.columns
    pick(raw.table, columns.text, raw.origin)
    table = raw.table.filter(pa.array(chosen_rows(raw.table, columns, raw.origin)))
    found, _ = read_columns(table, columns, kind, raw.origin)
    lines = table[LINE].to_pylist()
    none = [] if "" in columns.drop_labels else [line for line, v in zip(lines, found, strict=True) if v is None]
    failed = dict.fromkeys(none, "no label") | raw.failed
    texts = ["" if text is None else str(text) for text in table[columns.text].to_pylist()]
    bad = [
        Bad(raw.origin, line, "no label" if line not in raw.failed else "unreadable", failed[line], text)
        for line, text in zip(lines, texts, strict=True)
        if line in failed
    ]
    values = {value for labels in found for value in labels or ()}
    # a value that is missing in label_map is an unknown label, which is told with its line further on
    mapped = {value: value for value in values} | {str(old): new for old, new in columns.label_map.items()}
    mapped = {value: value if value in known else mapped[value] for value in values}
    keep = None if columns.keep is None else [*columns.keep, LINE]
    good = table.filter(pa.array([line not in failed for line in lines], pa.bool_()))
    mapping = replace(columns, label_map=mapped, keep=keep, where={})
    rows = to_rows(good, mapping, kind, raw.origin)
    left_out = raw.table.num_rows - table.num_rows + good.num_rows - rows.num_rows
    missing = unmatched_values(raw.table, found, columns.where, {}, columns.drop_labels)
    said = [f"{raw.origin}: columns.{key}: no row has this value.{near}" for key, near in missing.items()]
    return Rows(rows.replace_schema_metadata(None), bad, left_out, said)


def check(table: pa.Table, file: str, kind: str, known: Collection[str], new_labels: bool) -> list[Bad]:
    """Return the bad rows, each with its first reason.

    Args:
        table: Rows with `volant_line`.
        file: Where they come from.
        kind: Of the flywheel.
        known: Its labels; none: whatever comes is taken.
        new_labels: Whether labels beside those are accepted.
    """
    known = set(known)
    if not known:
        _refuse_swapped(table, file, kind)
    rows = zip(table[LINE].to_pylist(), table["text"].to_pylist(), labels_of(table, kind), strict=True)
    bad = []
    for line, text, labels in rows:
        for reason, detail in _problems(text, labels, known, new_labels):
            bad.append(Bad(file, line, reason, detail, text, labels))
            break
    return bad


def _problems(text: str, labels: tuple[str, ...], known: set[str], new_labels: bool) -> Iterator[tuple[str, str]]:
    unknown = [label for label in labels if label not in known] if known else []
    if not text.strip():
        yield "empty text", "the text has no characters but spaces"
    if len(text) > MAX_TEXT:
        yield "too long", f"{len(text):,} characters, at most {MAX_TEXT:,}"
    if "\ufffd" in text or any("\ufffd" in label for label in labels):
        yield "wrong encoding", "holds U+FFFD, which replaces a lost character; export it as UTF-8"
    if unknown and text.strip() in known:
        yield SWAPPED, f"'{text.strip()}' is a label"
    if long := next((label for label in labels if len(label) > MAX_LABEL or "\n" in label), None):
        yield SWAPPED if unknown else "too long", f"a label of {len(long):,} characters"
    if unknown and not new_labels:
        yield UNKNOWN, f"'{unknown[0]}'.{did_you_mean(unknown[0], known)}"


def _refuse_swapped(table: pa.Table, file: str, kind: str) -> None:
    """Refuse a file with label and text swapped: without known labels, if its texts recur and its labels hardly do."""
    labels = {label for row in labels_of(table, kind) for label in row}
    texts = set(table["text"].to_pylist())
    if table.num_rows >= 10 and len(labels) > table.num_rows / 2 > 2 * len(texts):
        raise VolantError(
            f"{file}: label and text seem swapped: {len(texts)} different texts, {len(labels)} different labels. "
            "Choose the columns with --text and --label, or swap them in the file."
        )


def without(table: pa.Table, lines: Collection[int]) -> pa.Table:
    """The rows that don't begin on one of these lines."""
    return table.filter(pa.array(~np.isin(table[LINE].to_numpy(), list(lines))))
