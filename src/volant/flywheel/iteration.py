"""The iteration itself: news, stages, gate, registry, and one record of the decision and its reasons."""

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
from volant.flywheel.record import Iteration
from volant.flywheel.warm_start import start_from
from volant.tracking.existing import reading
from volant.tracking.stores import has_registry
from volant.workspace import paths
from volant.workspace.files import write_text
from volant.workspace.locks import iteration_lock

QUICK = ("linear", "auto")  # families that no other model needs to come before


def plan(name: str, overrides: Sequence[str] = (), root: Path = Path()) -> Iteration:
    """Return what an iteration would find; nothing runs, and params.yaml is left as it was.

    A `VolantError` results if the flywheel is not live, or an iteration is running.

    Args:
        name: Name of a live flywheel.
        overrides: Overrides of the config, in Hydra's grammar.
        root: Root of the project.
    """
    _require_live(name, root)
    with iteration_lock(f"volant iterate {name} --dry-run", root):
        path = root / config.PARAMS
        before = path.read_text(encoding="utf-8") if path.exists() else None
        try:
            return _look(name, overrides, root)[0]
        finally:
            if before is not None:
                write_text(before, path)


def iterate(
    name: str,
    overrides: Sequence[str] = (),
    root: Path = Path(),
    planned: Callable[[Iteration], object] | None = None,
    start: int | None = None,
    started: Callable[[str], object] | None = None,
) -> Iteration:
    """Run one locked iteration of a flywheel, and return its record; if it is interrupted, the next one resumes.

    A `VolantError` results if another iteration is running, a stage fails, or the registry is down; nothing
    is lost then.

    Args:
        name: Name of a live flywheel.
        overrides: Overrides of the config for this iteration, in Hydra's grammar.
        root: Root of the project.
        planned: Called with the news, before anything runs.
        start: Number of the version whose weights the training starts from; 0: none.
        started: Called with the name of each stage before it runs.
    """
    _require_live(name, root)
    with lake(name, root):
        recover(name, root)  # what an ingest that was killed has left would stop DVC
    with iteration_lock(f"volant iterate {name}", root):
        if start is not None:
            start_from(name, start, root)
        iteration, flywheel = _check(name, overrides, root)
        if iteration.case == "nothing" and lost_champion(name, root):
            iteration.case = "lost"
        if planned:
            planned(iteration)
        if iteration.case == "nothing":
            return iteration
        if absent := _absent(name, root):
            dvc.fetch(absent, root)
        # with the tracker, the registry and the gate: an iteration may end before it
        from volant.flywheel.decide import decide
        from volant.tracking.replay import postponing

        with postponing(root):
            iteration.ran = dvc.reproduce(name, root, started)
        decide(iteration, flywheel, root)
        write_text(json.dumps(iteration.to_json(), indent=2) + "\n", paths.reports(name, root) / "iteration.json")
        last_iteration.write(name, last_iteration.now(name, flywheel, root), root)
        return iteration


def _check(name: str, overrides: Sequence[str], root: Path) -> tuple[Iteration, config.Flywheel]:
    """Find out what is new: at once where no file has changed since nothing was."""
    before = unchanged.mark(name, root, overrides)
    if before and before == unchanged.read(name, root):
        flywheel = config.flywheel(name, config.load(root / config.PARAMS))
        return Iteration(name, "nothing", News(), [], metric=flywheel.metric, config=flywheel), flywheel
    iteration, flywheel = _look(name, overrides, root)
    if before and iteration.case == "nothing":
        unchanged.write(name, before, root)
    return iteration, flywheel


def needs_first(name: str, overrides: Sequence[str] = (), root: Path = Path()) -> bool:
    """Return whether a quick model is worth an iteration of its own before the flywheel's model.

    It is where there is no version yet and the own model takes minutes: a linear one is quick itself, and `auto` is for
    rows too few to tell two models apart.

    A `VolantError` results if the flywheel is not live, or its config is not valid.

    Args:
        name: Of a live flywheel.
        overrides: Of the config, in Hydra's grammar.
        root: The project's root.
    """
    _require_live(name, root)
    if last_iteration.read(name, root) is not None:
        return False
    if has_registry(root):
        with reading(root) as opened:
            if opened.knows(name):
                return False
    flywheel = config.flywheel(name, compose.compose_config(root, overrides))
    return flywheel.model["family"] not in QUICK


def _look(name: str, overrides: Sequence[str], root: Path) -> tuple[Iteration, config.Flywheel]:
    flywheel = config.flywheel(name, compose.write_config(root, overrides))
    news = dvc.news(name, root)
    before = last_iteration.read(name, root)
    seen = (before or {}).get("datasets", [])
    fresh = [card.name for card in catalogue.cards(name, root) if not card.unused and card.name not in seen]
    trained = (paths.bundle(name, root)).exists()
    case = _case(news, trained, done=before == last_iteration.now(name, flywheel, root))
    return Iteration(name, case, news, fresh, metric=flywheel.metric, config=flywheel), flywheel


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

    A `VolantError` results if no live flywheel has the name, and lists those that are.
    """
    if name not in live_flywheels(root):
        config.flywheel(name, config.load(root / config.PARAMS))
