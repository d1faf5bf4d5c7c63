"""The gate's decision as tables for people."""

from rich.markup import escape

from volant.flywheel.gate.comparison import Comparison
from volant.flywheel.gate.condition import Condition
from volant.flywheel.gate.decision import Decision
from volant.flywheel.gate.requirements import CHAMPION
from volant.rendering.table import Column, Table
from volant.workspace.terminal import Console

MARKS = ("[red]fail[/red]", "[green]pass[/green]", "[yellow]wait[/yellow]")
OUTCOMES = {
    "passed": ("Gate: passed", "green"),
    "failed": ("Gate: failed", "red"),
    "waits": ("Gate: not decided; a person has to approve or reject", "yellow"),
}
SHOWN = 8  # parts listed: those that fell most


def show(decision: Decision, comparison: Comparison | None, console: Console) -> None:
    """Print every condition, the labels and slices that changed most, the verdict, and what would help.

    Args:
        decision: Decision of the gate.
        comparison: Comparison with the champion, if there is one.
        console: Console to print to.
    """
    name = Column("condition", wraps=True, least=12)
    bound = Column("required", wraps=True, least=12)
    table = Table(name, "value", bound, "", Column("note", wraps=True), title="Gate", title_justify="left")
    for condition in decision.conditions:
        mark = MARKS[2 if condition.waits else int(condition.passed)]
        cells = (condition.name, _value(condition), condition.bound)
        table.add_row(*map(escape, cells), mark, escape(condition.note))
    table.show(console)
    if comparison:
        _show_parts(comparison, console)
    text, style = OUTCOMES[decision.outcome]
    console.print(text, style=style, highlight=False)
    for reason in decision.reasons:
        console.print(f"  - {reason}", markup=False, highlight=False, soft_wrap=True)
    if comparison and any(c.name == CHAMPION and not c.passed for c in decision.conditions):
        for line in help_lines(comparison):
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def help_lines(found: Comparison) -> list[str]:
    """Return the power of a comparison in words, and what would help a version to pass."""
    power = found.power
    passes = ", ".join(f"{_quality(float(true))} {share:.0%}" for true, share in power["passes"].items())
    lines = [
        f"Power on these {found.rows:,} rows, at comparison {found.look}: a version passes from a difference of "
        f"{power['needed']:+.4f} on. Share that passes by true quality: {passes}.",
        "What helps: more TEST rows, a larger gate.margin, or a person's approval (volant approve, volant promote).",
    ]
    if power["rows_for_equal"]:
        lines[1] += f" With about {power['rows_for_equal']:,} TEST rows an equal version passes in 80 %."
    return lines


def _quality(true: float) -> str:
    if not true:
        return "equal"
    return f"{abs(true):g} {'better' if true > 0 else 'worse'}"


def _value(condition: Condition) -> str:
    value = condition.value
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _show_parts(found: Comparison, console: Console) -> None:
    part = Column("label or slice", wraps=True)
    rows = Column("rows", drop=1)
    table = Table(part, "new", "champion", "change", rows, title="Most changed", title_justify="left")
    parts = [(f"label {row['label']}", row) for row in found.labels]
    parts += [(f"{row['slice']}: {row['value']}", row) for row in found.slices]
    for name, row in sorted(parts, key=lambda part: part[1]["difference"])[:SHOWN]:
        style = "red" if row["fell"] else None
        figures = (f"{row['new']:.3f}", f"{row['old']:.3f}", f"{row['difference']:+.3f}", str(row["support"]))
        table.add_row(escape(name), *figures, style=style)
    for row in found.unshared:
        f1 = "–" if row["f1"] is None else f"{row['f1']:.3f}"
        new, old = (f1 if row["known_by"] == side else "unknown" for side in ("new", "old"))
        table.add_row(escape(f"label {row['label']}"), new, old, "–", str(row["support"]))
    if table:
        table.show(console)
