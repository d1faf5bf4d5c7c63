"""Things that take seconds to make: made once for all test processes."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return the folder `name`, filled by the first process that asks for it; a test must not change what is in it.

    Args:
        factory: Of pytest; under pytest-xdist its folder is one of several in the folder of the whole run.
        name: Name of the folder, which no other fixture has.
        make: Fills the folder, which is there and empty.
    """
    own = factory.getbasetemp()
    home = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared"
    home.mkdir(exist_ok=True)
    folder, done = home / name, home / f"{name}.done"
    with FileLock(home / f"{name}.lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of one that failed
            folder.mkdir()
            make(folder)
            done.touch()
    return folder
