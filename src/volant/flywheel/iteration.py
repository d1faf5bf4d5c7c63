"""The turn itself: news, stages, gate, registry, and one record of what was decided and why."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from volant import config
from volant.config import compose
from volant.config.listing import live_flywheels
from volant.datasets import catalogue
from volant.datasets.ingest.lock import locked as lake
from volant.datasets.ingest.lock import recover
from volant.flywheel import dvc, last_iteration, unchanged
from volant.flywheel.dvc import News
from volant.flywheel.lost import lost_champion
from volant.flywheel.record import Turn
from volant.flywheel.warm_start import start_from
from volant.workspace.files import write_text
from volant.workspace.locks import turn_lock


def plan(name: str, overrides: Sequence[str] = (), root: Path = Path()) -> Turn:
    """What a turn would find; nothing runs, and params.yaml is left as it was.

    Raises:
        VolantError: If the flywheel is not live, or a turn is on.
    """
    _require_live(name, root)
    with turn_lock(f"volant iterate {name} --dry-run", root):
        path = root / config.PARAMS
        before = path.read_text(encoding="utf-8") if path.exists() else None
        try:
            return _look(name, overrides, root)
        finally:
            if before is not None:
                write_text(before, path)


def iterate(
    name: str,
    overrides: Sequence[str] = (),
    root: Path = Path(),
    planned: Callable[[Turn], object] | None = None,
    start: int | None = None,
) -> Turn:
    """One locked turn of a flywheel; cut off, the next one goes on where it stopped.

    Args:
        name: Of a live flywheel.
        overrides: Of the config, in Hydra's grammar, for this turn.
        root: The project's root.
        planned: Called with what was found, before anything runs.
        start: From this version's weights on; 0: from none.

    Raises:
        VolantError: If another turn is on, a stage fails, or the registry can't be reached; nothing is lost then.
    """
    _require_live(name, root)
    with lake(name, root):
        recover(name, root)  # what an ingest that was killed has left would stop DVC
    with turn_lock(f"volant iterate {name}", root):
        if start is not None:
            start_from(name, start, root)
        turn = _check(name, overrides, root)
        if turn.case == "nothing" and lost_champion(name, root):
            turn.case = "lost"
        if planned:
            planned(turn)
        if turn.case == "nothing":
            return turn
        flywheel = config.flywheel(name, config.load(root / config.PARAMS))
        if absent := _absent(name, root):
            dvc.fetch(absent, root)
        from volant.flywheel.decide import decide  # with the registry and the gate: an iteration may end before it

        turn.ran = dvc.reproduce(name, root)
        decide(turn, flywheel, root)
        write_text(json.dumps(turn.to_json(), indent=2) + "\n", root / "reports" / name / "iteration.json")
        last_iteration.write(name, last_iteration.now(name, flywheel, root), root)
        return turn


def _check(name: str, overrides: Sequence[str], root: Path) -> Turn:
    """Find out what is new: at once where no file has changed since nothing was."""
    before = None if overrides else unchanged.mark(name, root)
    if before and before == unchanged.read(name, root):
        flywheel = config.flywheel(name, config.load(root / config.PARAMS))
        return Turn(name, "nothing", News(), [], metric=flywheel.metric)
    turn = _look(name, overrides, root)
    if before and turn.case == "nothing":
        unchanged.write(name, before, root)
    return turn


def _look(name: str, overrides: Sequence[str], root: Path) -> Turn:
    compose.write_params(root, overrides)
    flywheel = config.flywheel(name, config.load(root / config.PARAMS))
    news, before = dvc.news(name, root), last_iteration.read(name, root)
    seen = (before or {}).get("datasets", [])
    fresh = [card.name for card in catalogue.cards(name, root) if not card.unused and card.name not in seen]
    trained = (root / "models" / name).exists()
    case = _case(news, trained, done=before == last_iteration.now(name, flywheel, root))
    return Turn(name, case, news, fresh, metric=flywheel.metric)


def _case(news: News, trained: bool, done: bool) -> str:
    if not trained:
        return "first"
    if news.train:
        return "both" if news.test else "train"
    if news.test:
        return "test"
    if news.any:
        return "changed"
    return "nothing" if done else "resumed"


def _absent(name: str, root: Path) -> list[str]:
    """Datasets whose rows are not on this machine, as after a fresh clone."""
    paths = [catalogue.rows_path(card, root) for card in catalogue.cards(name, root) if not card.unused]
    return [f"{path}.dvc" for path in paths if not path.exists()]


def _require_live(name: str, root: Path) -> None:
    """Before anything is written under that name.

    Raises:
        VolantError: If no live flywheel has it; lists those that are.
    """
    if name not in live_flywheels(root):
        config.flywheel(name, config.load(root / config.PARAMS))
