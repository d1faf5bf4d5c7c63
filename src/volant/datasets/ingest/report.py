"""The report of an ingest, as data and as text."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from rich.markup import escape

from volant.datasets.ingest.checks import UNKNOWN, Bad
from volant.workspace.terminal import Console

SHOWN = 10


@dataclass(frozen=True)
class Report:
    """Counts of one ingest.

    Attributes:
        flywheel: Name of the flywheel.
        split: Side of the rows.
        dataset: Name of the dataset; None if nothing was added.
        formats: Detected format of each file.
        rows: Number of rows in the files.
        added: Number of rows that were added to the lake (or would be, in a dry run).
        known: Number of rows that existed already, or occur twice in the files.
        left_out: Number of rows excluded by the flywheel's `columns.where` and `columns.drop_labels`.
        bad: Number of bad rows by reason.
        examples: The first bad rows.
        labels: Number of added rows with each label.
        new_labels: Labels that the flywheel didn't have.
        warnings: Warnings, a sentence each.
        rejected: Files with the bad rows.
        dry_run: True if nothing was changed.
        refused: Reason why a real run would be refused.
    """

    flywheel: str
    split: str
    dataset: str | None
    formats: dict[str, str]
    rows: int
    added: int
    known: int
    left_out: int
    bad: dict[str, int]
    examples: list[Bad]
    labels: dict[str, int]
    new_labels: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    dry_run: bool = False
    refused: str | None = None


def refusal(bad: Sequence[Bad], max_bad: int) -> str | None:
    """Return the message with which bad rows refuse an ingest without `--skip-bad`; None if they don't."""
    unknown = sum(row.reason == UNKNOWN for row in bad)
    if not unknown and len(bad) <= max_bad:
        return None
    lines = [f"{len(bad):,} bad rows, {max_bad:,} allowed (--max-bad). Nothing was changed.", *listed(bad)]
    if unknown:
        names = set(chain.from_iterable(row.labels for row in bad if row.reason == UNKNOWN))
        lines.append(f"Accept new labels with --new-labels; a label is never dropped silently ({len(names)} found).")
    return "\n".join([*lines, "Fix the rows, or skip them with --skip-bad, which writes them beside the file."])


def listed(bad: Sequence[Bad], counts: Mapping[str, int] | None = None) -> list[str]:
    """Return the counts by reason (by default of these rows), then the first rows with file and line, as lines."""
    counts = Counter(row.reason for row in bad) if counts is None else counts
    if not counts:
        return []
    lines = [", ".join(f"{reason}: {count:,}" for reason, count in counts.items())]
    lines += [f"  {row.place}: {row.reason}: {row.detail}" for row in bad[:SHOWN]]
    remaining = sum(counts.values()) - SHOWN
    return lines + ([f"  … and {remaining:,} more"] if remaining > 0 else [])


def show(report: Report, console: Console) -> None:
    """Print the counts, the bad rows and the next command."""
    for file, detected in report.formats.items():
        console.print(f"{escape(file)}: {escape(detected)}", highlight=False)
    parts = [f"{report.rows:,} rows read", f"{report.known:,} already known"]
    if report.left_out:
        parts.append(f"{report.left_out:,} excluded by columns")
    if report.bad:
        parts.append(f"{sum(report.bad.values()):,} bad")
    console.print(", ".join([*parts, f"{report.added:,} new"]), highlight=False)
    for line in listed(report.examples, report.bad):
        console.print(line, style="yellow", markup=False, highlight=False)
    for warning in report.warnings:
        console.print(f"warning: {warning}", style="yellow", markup=False, highlight=False)
    for path in report.rejected:
        console.print(f"rejected rows are in {path}", markup=False, highlight=False)
    if report.new_labels:
        console.print(f"new labels: {', '.join(report.new_labels)}", markup=False, highlight=False)
    console.print(_end(report), markup=False, highlight=False)


def _end(report: Report) -> str:
    if report.refused:
        return f"A real run would be refused: {report.refused.splitlines()[0]}"
    if not report.added:
        return "Nothing new: the lake is unchanged."
    if report.dry_run:
        return f"A real run would add {report.added:,} rows as a {report.split.upper()} dataset."
    return (
        f"{report.dataset}: {report.added:,} {report.split.upper()} rows are in the lake of {report.flywheel}.\n"
        f"Next: volant iterate {report.flywheel}; to share it: git add data/{report.flywheel}/lake, dvc push"
    )
