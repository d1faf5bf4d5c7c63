"""A project with a registry of its own, and bundles that differ: one tiny model, sealed again with another seed."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.serving import trained
from support.shared import once
from support.versions import another, record
from volant.tracking.registry import Registry, registry


@pytest.fixture(scope="session")
def first_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return once(tmp_path_factory, "first", lambda folder: trained("reviews", folder)) / "reviews"


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


@pytest.fixture(scope="session")
def three(first_bundle: Path, tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with three versions that wait for approval; their files stay beside it."""

    def make(root: Path) -> None:
        shutil.copy(tables, root / "mlflow.db")
        with registry(root) as opened:
            for number in (1, 2, 3):
                another(first_bundle, root / str(number), number)
                opened.register("reviews", root / str(number), record(0.7 + number / 100), by="ann")

    return once(tmp_path_factory, "three", make)


@pytest.fixture
def filled(root: Path, three: Path) -> Iterator[Registry]:
    """Three versions that wait for approval."""
    shutil.copy(three / "mlflow.db", root / "mlflow.db")
    with registry(root) as found:
        yield found
