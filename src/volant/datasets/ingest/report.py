"""The report of an ingest, as data and as text."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.markup import escape

from volant.datasets.ingest.checks import UNKNOWN, Bad
from volant.workspace.terminal import Console

SHOWN = 10


@dataclass(frozen=True)
class Report:
    """Counts of one ingest.

    Attributes:
        dataset: Its name; None if nothing was added.
        formats: What each file was found to be.
        rows: Read from the files.
        added: Of these, now in the lake (or would be, in a dry run).
        known: Existed already, or occur twice in the files.
        left_out: By the flywheel's `columns.where` and `columns.drop_labels`.
        bad: How many rows of each sort of mistake.
        examples: The first bad rows.
        labels: Rows added that hold each label.
        new_labels: Labels that the flywheel didn't know.
        warnings: A sentence each.
        rejected: Files that the bad rows were written to.
        dry_run: Nothing was changed.
        refused: Why a real run would refuse.
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
    """Return why these bad rows stop an ingest without `--skip-bad`; None if they don't."""
    unknown = sum(one.reason == UNKNOWN for one in bad)
    if not unknown and len(bad) <= max_bad:
        return None
    lines = [f"{len(bad):,} bad rows, {max_bad:,} allowed (--max-bad). Nothing was changed.", *listed(bad)]
    if unknown:
        names = Counter(label for one in bad if one.reason == UNKNOWN for label in one.labels)
        lines.append(f"Accept new labels with --new-labels; a label is never dropped silently ({len(names)} seen).")
    return "\n".join([*lines, "Fix the rows, or skip them with --skip-bad, which writes them beside the file."])


def listed(bad: Sequence[Bad], counts: Mapping[str, int] | None = None) -> list[str]:
    """Counts by reason (of these rows, if not given), then the first rows with file and line."""
    counts = Counter(one.reason for one in bad) if counts is None else counts
    if not counts:
        return []
    lines = [", ".join(f"{reason}: {count:,}" for reason, count in counts.items())]
    lines += [f"  {one.place}: {one.reason}: {one.detail}" for one in bad[:SHOWN]]
    more = sum(counts.values()) - SHOWN
    return lines + ([f"  … and {more:,} more"] if more > 0 else [])


def show(report: Report, console: Console) -> None:
    """Print what was found, what was done, and what to do next."""
    for file, said in report.formats.items():
        console.print(f"{escape(file)}: {escape(said)}", highlight=False)
    said = [f"{report.rows:,} rows read", f"{report.known:,} already known"]
    said += [f"{report.left_out:,} excluded by columns"] if report.left_out else []
    said += [f"{sum(report.bad.values()):,} bad"] if report.bad else []
    console.print(", ".join([*said, f"{report.added:,} new"]), highlight=False)
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
