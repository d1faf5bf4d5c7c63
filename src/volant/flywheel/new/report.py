"""The report of `volant new`, as data and as text."""

from dataclasses import dataclass

from rich.markup import escape

from volant.kinds import KINDS
from volant.rendering.table import Column, Table
from volant.sources.guess.infer import Guess
from volant.workspace.terminal import Console

AUTO = (
    "With few rows the best model is not known in advance. At training, `auto` cross-validates a linear model, a "
    "frozen encoder and fine-tuned ones on the train rows, takes the best, and reports it. It takes some minutes on "
    "two cores; MODEL=linear takes seconds."
)


@dataclass(frozen=True, slots=True)
class Report:
    """The report of `volant new`; `dataclasses.asdict` of it is ready for JSON.

    Attributes:
        path: The conf file written.
        rows: Labelled rows in the data file.
        test_rows: Labelled rows in the test file; None without one.
        columns: How the columns are meant.
        counts: Rows of each label, the most frequent first.
        warnings: What to know before training, a sentence each.
        format: What the data file was found to be, in words.
    """

    name: str
    path: str
    rows: int
    test_rows: int | None
    columns: Guess
    delimiter: str | None
    encoding: str | None
    model: str
    counts: dict[str, int]
    warnings: tuple[str, ...]
    format: str = ""


def show_report(report: Report, console: Console | None = None) -> None:
    """Print what was found: columns, label counts, warnings, and what to do next."""
    console = console or Console()
    table = Table(Column("label", wraps=True), "rows", "share", box=None, pad_edge=False)
    for label, n in list(report.counts.items())[:30]:
        table.add_row(escape(label), f"{n:,}", f"{n / report.rows:.1%}")
    if len(report.counts) > 30:
        table.add_row(f"… {len(report.counts) - 30} more", "", "")
    guess = report.columns
    parted = f" (separated by '{guess.separator}')" if guess.separator else ""
    whole = KINDS[guess.kind].head == "text"
    several = f", several labels per text{parted}" if whole and not KINDS[guess.kind].exclusive else ""
    # User's text is never markup: a column may be called [/text].
    several = f", spans from '{guess.spans}'" if guess.spans else several
    found = escape(f": {guess.kind}, text from '{guess.text}', label from '{guess.label}'{several}")
    console.print(f"[bold]{report.name}[/]{found}")
    tested = f", {report.test_rows:,} test rows" if report.test_rows is not None else ""
    grouped = f", never splitting a '{guess.group}'" if guess.group else ""
    read = f"; read as {report.format}" if report.format else ""
    console.print(escape(f"{report.rows:,} rows{tested}{grouped}; model {report.model}{read}\n"))
    if report.model.startswith("auto"):
        console.print(f"{AUTO}\n", markup=False, highlight=False)
    table.show(console)
    for warning in report.warnings:
        console.print(f"[yellow]![/] {escape(warning)}", highlight=False)
    console.print(f"\nWrote {escape(report.path)} and made it live. Next: make run FLYWHEEL={report.name}")
