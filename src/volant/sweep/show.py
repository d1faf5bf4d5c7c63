"""The terminal output of a sweep: the best trials, an applied trial, and the next command."""

from pathlib import Path
from typing import TYPE_CHECKING

from volant.rendering.table import Column, Table
from volant.sweep.apply import Applied
from volant.sweep.study import Goal, done, overrides, short
from volant.workspace.terminal import Console

if TYPE_CHECKING:
    from optuna import Study

BEST = 5


def show(study: "Study", goal: Goal, plots: Path, console: Console) -> None:
    """Print the best trials of a study, the number of failed ones, the folder of the plots, and the next command.

    Args:
        study: The study.
        goal: Its goal.
        plots: Folder of its plots.
        console: Console to print to.
    """
    from optuna.trial import TrialState

    best = done(study)
    several = len(goal.objectives) > 1
    failed = len(study.get_trials(deepcopy=False, states=(TrialState.FAIL,)))
    ended = failed + len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))
    title = f"{study.study_name}: {ended} trials" + (f", {failed} failed" if failed else "")
    table = Table(
        Column("trial", justify="right"),
        *(Column(objective, justify="right") for objective in goal.objectives),
        Column("rows", drop=1, justify="right"),
        Column("settings", wraps=True),
        json=False,
        title=f"{title}; {'the Pareto front' if several else 'the best'}",
        title_justify="left",
    )
    for trial in best if several else best[:BEST]:
        rows = overrides(trial).get("train_subset_size")
        values = [f"{value:,.0f}" if value > 1000 else f"{value:.4f}" for value in trial.values]
        table.add_row(str(trial.number), *values, str(rows or "all"), short(trial.params))
    table.show(console)
    option = " --trial N" if several else ""
    console.print(
        f"Plots: {plots}",
        f"Next: volant sweep apply {goal.flywheel} --study {study.study_name}{option}   (writes it to conf/)",
        "Or run the same command again: it continues the study.",
        sep="\n",
        highlight=False,
        soft_wrap=True,
    )


def show_applied(applied: Applied, console: Console | None = None) -> None:
    """Print the changes of an applied trial, and the next command."""
    console = console or Console()
    values = ", ".join(f"{name} {value:.6g}" for name, value in applied.values.items())
    console.print(
        f"{applied.path}: trial {applied.trial} of {applied.study} ({values})",
        highlight=False,
        soft_wrap=True,
    )
    for key, value in applied.changes.items():
        console.print(f"  {key}: {value}", markup=False, highlight=False, soft_wrap=True)
    outlook = (
        f"Its metrics will differ from the trial's: {applied.differs}."
        if applied.differs
        else "If nothing else changes, it gives the same validation metrics."
    )
    console.print(f"Next: make repro FLYWHEEL={applied.path.stem}. {outlook}", highlight=False, soft_wrap=True)
