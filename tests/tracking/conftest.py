"""A project with a registry of its own, and bundles that differ: one tiny model, sealed again with another seed."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from texts import reviews
from volant import config
from volant.bundle import bundle
from volant.config import Flywheel
from volant.stages.train import train
from volant.tracking.registry import Record, Registry, registry
from volant.workspace.files import write_table

TREE: dict[str, Any] = {
    "kind": "classify",
    "description": "made up",
    "source": {},
    "cleaning": ["whitespace", "lower"],
    "model": {"_target_": "volant.models.linear.Linear", "family": "linear"},
    "metric": "macro_f1",
    "seed": 5,
}


@pytest.fixture(scope="session")
def first_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    for seed, (split, count) in enumerate({"train": 200, "validation": 60}.items()):
        write_table(reviews(count, seed), folder / "data" / f"{split}.parquet")
    flywheel = config.validate(Flywheel, TREE, "flywheel")
    train("reviews", flywheel, folder / "data", folder / "reviews", folder / "work")
    return folder / "reviews"


@pytest.fixture
def bundles(first_bundle: Path, tmp_path: Path) -> Callable[[int], Path]:
    """The n-th bundle: as good as the others, and another one."""

    def make(number: int) -> Path:
        folder = tmp_path / "bundles" / str(number)
        if not folder.exists():
            another(first_bundle, folder, number)
        return folder

    return make


@pytest.fixture
def root(project_root: Path) -> Path:
    return project_root


@pytest.fixture
def opened(root: Path) -> Iterator[Registry]:
    with registry(root) as found:
        yield found


def record(score: float = 0.8, **changes: Any) -> Record:
    details = {"scores": {"macro_f1": score, "accuracy": 0.9}, "intervals": {"macro_f1": [score - 0.05, score + 0.05]}}
    return Record(
        **{"config": TREE, "details": details, "speed": {}, "train": {}, "datasets": ["first-0a1b2c3d"], **changes}
    )


@pytest.fixture(scope="session")
def three(first_bundle: Path, tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with three versions that wait for approval; their files stay beside it."""
    root = tmp_path_factory.mktemp("three")
    shutil.copy(tables, root / "mlflow.db")
    with registry(root) as opened:
        for number in (1, 2, 3):
            another(first_bundle, root / str(number), number)
            opened.register("reviews", root / str(number), record(0.7 + number / 100), by="ann")
    return root


@pytest.fixture
def filled(root: Path, three: Path) -> Iterator[Registry]:
    """Three versions that wait for approval."""
    shutil.copy(three / "mlflow.db", root / "mlflow.db")
    with registry(root) as found:
        yield found


def another(first: Path, folder: Path, number: int) -> None:
    """A bundle as good as the first one, and another."""
    shutil.copytree(first, folder)
    manifest = bundle.verify(folder)
    kept = {name: value for name, value in manifest.items() if name not in ("schema", "files", "digest")}
    bundle.seal(folder, {**kept, "seed": number})
