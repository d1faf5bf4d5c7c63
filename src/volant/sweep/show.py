"""The study for people: its best trials and what to type next."""

from pathlib import Path
from typing import TYPE_CHECKING

from volant.rendering.table import Column, Table
from volant.sweep.study import Goal, done, overrides, short
from volant.workspace.terminal import Console

if TYPE_CHECKING:
    from optuna import Study

BEST = 5


def show(study: "Study", goal: Goal, plots: Path, console: Console) -> None:
    """Print the best trials of a study, how many failed, where the plots are, and the next command."""
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
    which = " --trial N" if several else ""
    console.print(
        f"Plots: {plots}",
        f"Next: volant sweep apply {goal.flywheel} --study {study.study_name}{which}   (writes it to conf/)",
        "Or the same command again: the study goes on.",
        sep="\n",
        highlight=False,
        soft_wrap=True,
    )
