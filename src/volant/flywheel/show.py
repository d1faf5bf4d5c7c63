"""An iteration as text: what was new, what ran, both scores, the gate's decision, the next command."""

from volant.flywheel.dvc import News
from volant.flywheel.gate import show
from volant.flywheel.record import Iteration
from volant.workspace.terminal import Console

CASES = {
    "nothing": "nothing new: nothing runs",
    "test": "new TEST rows: the active version is evaluated on them",
    "train": "new TRAIN rows: a new version is trained and evaluated",
    "both": "new TRAIN and TEST rows: a new version is trained; it and the active one answer the same fresh rows",
    "first": "the first iteration here: a version is trained on what the source and the lake hold",
    "resumed": "the last iteration was cut off after its stages: it resumes",
    "lost": "the champion was deleted from the registry: the bundle in models/ is registered again",
    "changed": "code, config or source changed: what depends on it runs again",
}
OUTCOMES = {
    "nothing": ("Nothing to do.", "green"),
    "evaluated": ("Evaluated; the active version stays.", "green"),
    "promoted": ("Version {version} is approved and active.", "green"),
    "waiting": ("Version {version} passed the gate and waits for a person's approval.", "yellow"),
    "undecided": (
        "Version {version} could not be compared and waits for a person's decision; {active} stays active.",
        "yellow",
    ),
    "rejected": ("The gate rejected version {version}; {active} stays active.", "red"),
}
FEW = 6


def show_plan(iteration: Iteration, console: Console) -> None:
    """Print the case, and what DVC found changed."""
    console.print(f"{iteration.flywheel}: {CASES[iteration.case]}", highlight=False)
    for line in changes(iteration.news, iteration.datasets) if iteration.case != "first" else ():
        console.print(f"  {line}", markup=False, highlight=False)


def changes(news: News, datasets: list[str]) -> list[str]:
    """A line for each sort of change.

    Example:
        >>> changes(News(test=True, config=("flywheels.f.seed",)), ["fresh-1a2b3c4d"])
        ['datasets: fresh-1a2b3c4d', 'config: flywheels.f.seed']
    """
    sorts = {"datasets": datasets, "config": news.config, "files": news.files, "not there": news.missing}
    return [f"{sort}: {_few(list(names))}" for sort, names in sorts.items() if names]


def show_iteration(iteration: Iteration, console: Console) -> None:
    """Print how an iteration ended."""
    if iteration.ran.executed or iteration.ran.restored:
        restored = f"; brought back: {', '.join(iteration.ran.restored)}" if iteration.ran.restored else ""
        console.print(f"Ran: {', '.join(iteration.ran.executed) or 'nothing'}{restored}", highlight=False)
    if iteration.judged:
        show(*iteration.judged, console)
    elif iteration.decision:
        for reason in iteration.decision["reasons"]:
            console.print(f"  - {reason}", markup=False, highlight=False, soft_wrap=True)
    _show_scores(iteration, console)
    said, style = OUTCOMES[iteration.outcome]
    active = f"version {iteration.active}" if iteration.active else "no version"
    console.print(said.format(version=iteration.version, active=active), style=style, highlight=False)
    if iteration.next:
        console.print(f"Next: {iteration.next}", highlight=False, soft_wrap=True)


def _show_scores(iteration: Iteration, console: Console) -> None:
    if not iteration.new:
        return
    ends = iteration.new["intervals"].get(iteration.metric, ())
    score = f"{iteration.new['scores'][iteration.metric]:.4f}{_interval(ends)}"
    console.print(
        f"Version {iteration.version}: {iteration.metric} {score} on test{_decided(iteration)}",
        highlight=False,
        soft_wrap=True,
    )
    found = iteration.comparison
    if found and "old" in found:
        console.print(
            f"Version {iteration.active} (champion): {iteration.metric} {found['old']:.4f}"
            f"{_interval(found['old_interval'])}; "
            f"difference {found['difference']:+.4f}{_interval(found['interval'])}, p {found['p_value']:.3f}, "
            f"{found['rows']:,} shared rows: {found['verdict'].replace('_', ' ')}",
            highlight=False,
            soft_wrap=True,
        )
    elif found and "why" in found:
        console.print(found["why"], style="yellow", markup=False, highlight=False, soft_wrap=True)


def _decided(iteration: Iteration) -> str:
    """Whoever passes on the same rows again and again was chosen by them, so that their score flatters it."""
    if not iteration.decided_before:
        return ""
    times = "once" if iteration.decided_before == 1 else f"{iteration.decided_before} times"
    return f"; these test rows have decided {times} before, so the score of what passed tends to be too high"


def _interval(ends: tuple[float, ...] | list[float]) -> str:
    return f" ({ends[0]:.4f} to {ends[1]:.4f})" if ends else ""


def _few(names: list[str]) -> str:
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return ", ".join(names[:FEW]) + more
