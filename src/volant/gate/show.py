"""The gate's decision as tables for people."""

from rich.markup import escape
from rich.table import Table

from volant.gate.comparison import Comparison
from volant.gate.decision import Condition, Decision
from volant.terminal import Console

SHOWN = 8  # parts listed: those that fell most


def show(decision: Decision, comparison: Comparison | None, console: Console) -> None:
    """Print every condition, then the labels and slices that changed most, then what was decided."""
    table = Table("condition", "value", "asked", "", "note", title="Gate", title_justify="left")
    for condition in decision.conditions:
        mark = "[green]yes[/green]" if condition.passed else "[red]no[/red]"
        cells = (condition.name, _value(condition), condition.bound)
        table.add_row(*map(escape, cells), mark, escape(condition.note))
    console.print(table)
    if comparison:
        _show_parts(comparison, console)
    if decision.passed:
        console.print("The gate lets it pass.", style="green")
        return
    console.print("The gate says no:", style="red")
    for reason in decision.reasons:
        console.print(f"  - {reason}", markup=False, highlight=False, soft_wrap=True)


def _value(condition: Condition) -> str:
    value = condition.value
    return "–" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _show_parts(found: Comparison, console: Console) -> None:
    table = Table("label or slice", "new", "active", "change", "rows", title="Most changed", title_justify="left")
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
    if table.row_count:
        console.print(table)
