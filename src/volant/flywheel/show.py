"""A turn for people: what was new, what ran, both scores, the gate's decision, the next command."""

from volant.flywheel.dvc import News
from volant.flywheel.gate import show
from volant.flywheel.record import Turn
from volant.workspace.terminal import Console

CASES = {
    "nothing": "nothing new: nothing runs",
    "test": "new TEST rows: the active version is evaluated on them",
    "train": "new TRAIN rows: a new version is trained and evaluated",
    "both": "new TRAIN and TEST rows: a new version is trained; it and the active one answer the same fresh rows",
    "first": "the first turn here: a version is trained on what the source and the lake hold",
    "resumed": "the last turn was cut off after its stages: it goes on",
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


def show_plan(turn: Turn, console: Console) -> None:
    """Print the case, and what DVC found changed."""
    console.print(f"{turn.flywheel}: {CASES[turn.case]}", highlight=False)
    for line in changes(turn.news, turn.datasets) if turn.case != "first" else ():
        console.print(f"  {line}", markup=False, highlight=False)


def changes(news: News, datasets: list[str]) -> list[str]:
    """A line for each sort of change.

    Example:
        >>> changes(News(test=True, config=("flywheels.f.seed",)), ["fresh-1a2b3c4d"])
        ['datasets: fresh-1a2b3c4d', 'config: flywheels.f.seed']
    """
    sorts = {"datasets": datasets, "config": news.config, "files": news.files, "not there": news.missing}
    return [f"{sort}: {_few(list(names))}" for sort, names in sorts.items() if names]


def show_turn(turn: Turn, console: Console) -> None:
    """Print how a turn ended."""
    if turn.ran.executed or turn.ran.restored:
        restored = f"; brought back: {', '.join(turn.ran.restored)}" if turn.ran.restored else ""
        console.print(f"Ran: {', '.join(turn.ran.executed) or 'nothing'}{restored}", highlight=False)
    if turn.judged:
        show(*turn.judged, console)
    elif turn.decision:
        for reason in turn.decision["reasons"]:
            console.print(f"  - {reason}", markup=False, highlight=False, soft_wrap=True)
    _show_scores(turn, console)
    said, style = OUTCOMES[turn.outcome]
    active = f"version {turn.active}" if turn.active else "no version"
    console.print(said.format(version=turn.version, active=active), style=style, highlight=False)
    if turn.next:
        console.print(f"Next: {turn.next}", highlight=False, soft_wrap=True)


def _show_scores(turn: Turn, console: Console) -> None:
    if not turn.new:
        return
    ends = turn.new["intervals"].get(turn.metric, ())
    score = f"{turn.new['scores'][turn.metric]:.4f}{_interval(ends)}"
    console.print(
        f"Version {turn.version}: {turn.metric} {score} on test{_decided(turn)}",
        highlight=False,
        soft_wrap=True,
    )
    found = turn.comparison
    if found and "old" in found:
        console.print(
            f"Version {turn.active} (champion): {turn.metric} {found['old']:.4f}{_interval(found['old_interval'])}; "
            f"difference {found['difference']:+.4f}{_interval(found['interval'])}, p {found['p_value']:.3f}, "
            f"{found['rows']:,} shared rows: {found['verdict'].replace('_', ' ')}",
            highlight=False,
            soft_wrap=True,
        )
    elif found and "why" in found:
        console.print(found["why"], style="yellow", markup=False, highlight=False, soft_wrap=True)


def _decided(turn: Turn) -> str:
    """Whoever passes on the same rows again and again was chosen by them, so that their score flatters it."""
    if not turn.decided_before:
        return ""
    times = "once" if turn.decided_before == 1 else f"{turn.decided_before} times"
    return f"; these test rows have decided {times} before, so the score of what passed tends to be too high"


def _interval(ends: tuple[float, ...] | list[float]) -> str:
    return f" ({ends[0]:.4f} to {ends[1]:.4f})" if ends else ""


def _few(names: list[str]) -> str:
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return ", ".join(names[:FEW]) + more
