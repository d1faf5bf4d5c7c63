"""Files as one table of rows that are good and new, and what became of the others."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from volant.config import Flywheel
from volant.datasets.ingest import checks
from volant.datasets.ingest.checks import LEAK, Bad
from volant.datasets.ingest.known import OTHER, Known, leaks
from volant.datasets.ingest.reading import LINE, Form, Raw
from volant.datasets.merge import COLUMN, concat


@dataclass(frozen=True)
class Batch:
    """Rows of all files that are new and good, and what became of the others."""

    table: pa.Table
    formats: dict[str, str]
    bad: list[Bad]
    rows: int
    known: int
    left_out: int
    warnings: list[str]


def collect(raws: Sequence[Raw], flywheel: Flywheel, there: Known, split: str, form: Form, new_labels: bool) -> Batch:
    """Turn files into rows, check each, and remove those that exist already.

    Fails with `VolantError` if the columns of a file can't hold text or labels.
    """
    seen = set(there.rows)
    bad = []
    parts = []
    counts = Counter[str]()
    unmatched: list[str] = []
    for raw in raws:
        rows = checks.rows_of(raw, flywheel.kind, form.labels)
        wrong = checks.check(rows.table, raw.origin, flywheel.kind, form.labels, new_labels)
        good = checks.without(rows.table, {one.line for one in wrong})
        fresh = good.filter(pa.array(_fresh(good, flywheel.kind, seen), pa.bool_()))
        leaking = _leaking(fresh, raw.origin, flywheel, there, split)
        parts.append(checks.without(fresh, {one.line for one in leaking}))
        bad += sorted([*rows.bad, *wrong, *leaking], key=lambda one: one.line)
        unmatched += rows.unmatched
        counts += Counter(rows=len(raw.table), known=len(good) - len(fresh), left_out=rows.left_out)
    table = _joined(parts, flywheel.split.group)
    warnings = unmatched + _warnings(table, flywheel, there, any(flywheel.split.group in p.column_names for p in parts))
    formats = {raw.origin: raw.format for raw in raws}
    return Batch(table, formats, bad, counts["rows"], counts["known"], counts["left_out"], warnings)


def _fresh(table: pa.Table, kind: str, seen: set) -> list[bool]:
    """Return whether each row is new, and add it to `seen`."""
    fresh = []
    for row in zip(table["text"].to_pylist(), checks.labels_of(table, kind), strict=True):
        fresh.append(row not in seen)
        seen.add(row)
    return fresh


def _leaking(table: pa.Table, file: str, flywheel: Flywheel, there: Known, split: str) -> list[Bad]:
    lines = table[LINE].to_pylist()
    texts = table["text"].to_pylist()
    labels = checks.labels_of(table, flywheel.kind)
    found = leaks(table, there, flywheel.split)
    return [
        Bad(file, lines[row], LEAK, f"{why}, in {OTHER[split].upper()}", texts[row], labels[row])
        for row, why in found.items()
    ]


def _joined(parts: Sequence[pa.Table], group: str | None) -> pa.Table:
    """All files as one table with ids of its own, and a column of groups if the flywheel has some."""
    table = concat([part.drop_columns([LINE]) for part in parts])
    if COLUMN in table.column_names:
        table = table.rename_columns([f"source_{c}" if c == COLUMN else c for c in table.column_names])
    if group and group not in table.column_names:
        table = table.append_column(group, pa.nulls(table.num_rows, pa.string()))
    times: Counter[str] = Counter()
    ids = []
    for one in table["id"].to_pylist():
        times[one] += 1
        ids.append(one if times[one] == 1 else f"{one}-{times[one]}")
    return table.set_column(table.column_names.index("id"), "id", pa.array(ids, pa.string()))


def _warnings(table: pa.Table, flywheel: Flywheel, there: Known, grouped: bool) -> list[str]:
    warnings = []
    if flywheel.split.group and not grouped:
        warnings.append(f"no column '{flywheel.split.group}' (split.group): leaks by group can't be detected.")
    if not there.prepared and not flywheel.source.get("_target_", "").endswith(".Ingested"):
        warnings.append("the source isn't prepared here, so leaks were searched in the lake only (`dvc repro`).")
    warnings += _retired(table, flywheel, there.retired) if there.retired else []
    texts = {text for text, _ in there.rows}
    contrary = sum(text in texts for text in table["text"].to_pylist())
    if contrary:
        warnings.append(f"{contrary:,} texts exist already with other labels; both are kept.")
    return warnings


def _retired(table: pa.Table, flywheel: Flywheel, gone: Known) -> list[str]:
    """Return warnings on TEST rows that are in unused TRAIN datasets: versions have learned from them."""
    warnings = [] if gone.prepared else ["rows of a TRAIN dataset marked unused aren't on this machine (`dvc pull`)."]
    if learned := len(leaks(table, gone, flywheel.split)):
        warnings.append(
            f"{learned:,} of these TEST rows are in TRAIN datasets that are marked unused. Versions that learned from "
            "them can't be evaluated on these rows: add other TEST rows, unless no version was trained on that dataset."
        )
    return warnings
