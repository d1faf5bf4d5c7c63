"""The collection of good and new rows from files, with counts of the others."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from volant.config import Flywheel
from volant.datasets.ingest import checks
from volant.datasets.ingest.checks import LEAK, Bad
from volant.datasets.ingest.existing import OTHER, Existing, leaks
from volant.datasets.ingest.reading import LINE, Form, Raw
from volant.datasets.merge import COLUMN, concat


@dataclass(frozen=True)
class Batch:
    """The new and good rows of all files, and counts of the others.

    Attributes:
        table: New and good rows.
        formats: Detected format of each file.
        bad: Bad rows.
        rows: Number of rows in the files.
        known: Number of good rows that exist already, or occur twice in the files.
        left_out: Number of rows that config excludes.
        warnings: Warnings, a sentence each.
    """

    table: pa.Table
    formats: dict[str, str]
    bad: list[Bad]
    rows: int
    known: int
    left_out: int
    warnings: list[str]


def collect(
    raws: Sequence[Raw], flywheel: Flywheel, existing: Existing, split: str, form: Form, new_labels: bool
) -> Batch:
    """Turn files into rows, check each, and remove those that exist already.

    Fails with `VolantError` if the columns of a file can't contain text or labels.

    Args:
        raws: Columns of the files.
        flywheel: Config of the flywheel.
        existing: Rows that exist already.
        split: Side of the new rows, `train` or `test`.
        form: Form of the files.
        new_labels: True to accept labels that the flywheel doesn't have yet.
    """
    added = set(existing.rows)
    bad = []
    parts = []
    counts = Counter[str]()
    unmatched: list[str] = []
    for raw in raws:
        rows = checks.rows_of(raw, flywheel.kind, form.labels)
        invalid = checks.check(rows.table, raw.origin, flywheel.kind, form.labels, new_labels)
        good = checks.without(rows.table, {row.line for row in invalid})
        fresh = good.filter(pa.array(_new_rows(good, flywheel.kind, added), pa.bool_()))
        leaking = _leaking(fresh, raw.origin, flywheel, existing, split)
        parts.append(checks.without(fresh, {row.line for row in leaking}))
        bad += sorted([*rows.bad, *invalid, *leaking], key=lambda row: row.line)
        unmatched += rows.unmatched
        counts += Counter(rows=len(raw.table), known=len(good) - len(fresh), left_out=rows.left_out)
    table = _joined(parts, flywheel.split.group)
    grouped = any(flywheel.split.group in part.column_names for part in parts)
    warnings = unmatched + _warnings(table, flywheel, existing, grouped)
    formats = {raw.origin: raw.format for raw in raws}
    return Batch(table, formats, bad, counts["rows"], counts["known"], counts["left_out"], warnings)


def _new_rows(table: pa.Table, kind: str, added: set) -> list[bool]:
    """Return True for each new row, and add it to `added`."""
    is_new = []
    for row in zip(table["text"].to_pylist(), checks.identities(table, kind), strict=True):
        is_new.append(row not in added)
        added.add(row)
    return is_new


def _leaking(table: pa.Table, file: str, flywheel: Flywheel, existing: Existing, split: str) -> list[Bad]:
    lines = table[LINE].to_pylist()
    texts = table["text"].to_pylist()
    labels = checks.labels_of(table, flywheel.kind)
    reasons = leaks(table, existing, flywheel.split)
    return [
        Bad(file, lines[row], LEAK, f"{reason}, in {OTHER[split].upper()}", texts[row], labels[row])
        for row, reason in reasons.items()
    ]


def _joined(parts: Sequence[pa.Table], group: str | None) -> pa.Table:
    """Return all files as one table with unique ids, and a column of groups if the flywheel has one."""
    table = concat([part.drop_columns([LINE]) for part in parts])
    if COLUMN in table.column_names:
        table = table.rename_columns([f"source_{c}" if c == COLUMN else c for c in table.column_names])
    if group and group not in table.column_names:
        table = table.append_column(group, pa.nulls(table.num_rows, pa.string()))
    times: Counter[str] = Counter()
    ids = []
    for id_ in table["id"].to_pylist():
        times[id_] += 1
        ids.append(id_ if times[id_] == 1 else f"{id_}-{times[id_]}")
    return table.set_column(table.column_names.index("id"), "id", pa.array(ids, pa.string()))


def _warnings(table: pa.Table, flywheel: Flywheel, existing: Existing, grouped: bool) -> list[str]:
    warnings = []
    if flywheel.split.group and not grouped:
        warnings.append(f"no column '{flywheel.split.group}' (split.group): leaks by group can't be detected.")
    if not existing.prepared and not flywheel.source.get("_target_", "").endswith(".Ingested"):
        warnings.append("the source isn't prepared here, so only the lake was searched for leaks (`dvc repro`).")
    warnings += _retired(table, flywheel, existing.retired) if existing.retired else []
    texts = {text for text, _ in existing.rows}
    conflicts = sum(text in texts for text in table["text"].to_pylist())
    if conflicts:
        warnings.append(f"{conflicts:,} texts exist already with other labels; both are kept.")
    return warnings


def _retired(table: pa.Table, flywheel: Flywheel, retired: Existing) -> list[str]:
    """Return warnings on TEST rows that are in unused TRAIN datasets, on which versions were trained."""
    warnings = (
        [] if retired.prepared else ["rows of a TRAIN dataset marked unused aren't on this machine (`dvc pull`)."]
    )
    if trained_on := len(leaks(table, retired, flywheel.split)):
        warnings.append(
            f"{trained_on:,} of these TEST rows are in TRAIN datasets that are marked unused. Versions trained on them "
            "can't be evaluated on these rows: add other TEST rows, unless no version was trained on that dataset."
        )
    return warnings
