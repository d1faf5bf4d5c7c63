"""The iteration itself: news, stages, gate, registry, and one record of the decision and its reasons."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

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
from volant.tracking.existing import reading
from volant.tracking.stores import known
from volant.workspace import paths
from volant.workspace.files import write_text
from volant.workspace.locks import turn_lock

QUICK = ("linear", "auto")  # families that no other model needs to come before


def plan(name: str, overrides: Sequence[str] = (), root: Path = Path()) -> Turn:
    """Return what an iteration would find; nothing runs, and params.yaml is left as it was.

    Raises:
        VolantError: If the flywheel is not live, or an iteration is running.
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
    """Run one locked iteration of a flywheel; if it is interrupted, the next one resumes.

    Args:
        name: Of a live flywheel.
        overrides: Of the config, in Hydra's grammar, for this iteration.
        root: The project's root.
        planned: Called with what was found, before anything runs.
        start: From this version's weights on; 0: from none.

    Raises:
        VolantError: If another iteration is running, a stage fails, or the registry is down; nothing is lost then.
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
        write_text(json.dumps(turn.to_json(), indent=2) + "\n", paths.reports(name, root) / "iteration.json")
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


def needs_first(name: str, overrides: Sequence[str] = (), root: Path = Path()) -> bool:
    """Return whether a quick model is worth an iteration of its own before the flywheel's model.

    It is where there is no version yet and the own model takes minutes: a linear one is quick itself, and `auto` is for
    rows too few to tell two models apart.

    Args:
        name: Of a live flywheel.
        overrides: Of the config, in Hydra's grammar.
        root: The project's root.

    Raises:
        VolantError: If the flywheel is not live, or its config is not valid.
    """
    _require_live(name, root)
    if last_iteration.read(name, root) is not None:
        return False
    if known(root):
        with reading(root) as opened:
            if opened.knows(name):
                return False
    tree = yaml.safe_load(compose.compose(root, overrides))
    return tree["flywheels"][name]["model"]["family"] not in QUICK


def _look(name: str, overrides: Sequence[str], root: Path) -> Turn:
    compose.write_params(root, overrides)
    flywheel = config.flywheel(name, config.load(root / config.PARAMS))
    news, before = dvc.news(name, root), last_iteration.read(name, root)
    seen = (before or {}).get("datasets", [])
    fresh = [card.name for card in catalogue.cards(name, root) if not card.unused and card.name not in seen]
    trained = (paths.bundle(name, root)).exists()
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
    """Return the datasets whose rows are not on this machine, as after a fresh clone."""
    paths = [catalogue.rows_path(card, root) for card in catalogue.cards(name, root) if not card.unused]
    return [f"{path}.dvc" for path in paths if not path.exists()]


def _require_live(name: str, root: Path) -> None:
    """Refuse a flywheel that is not live, before anything is written under its name.

    Raises:
        VolantError: If no live flywheel has it; lists those that are.
    """
    if name not in live_flywheels(root):
        config.flywheel(name, config.load(root / config.PARAMS))
