"""The runs that the stages of an iteration noted, recorded in MLflow."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

from volant.tracking import postponed, runs
from volant.tracking.stores import session
from volant.workspace.paths import RUNS


@contextmanager
def postponing(root: Path = Path()) -> Iterator[None]:
    """Let stages note their runs while the context lasts, then record them, also where a stage failed.

    What an interrupted iteration left is recorded first. MLflow is imported while the stages run.
    """
    home = (root / RUNS).resolve()
    _record(home, root)
    with session(root):  # MLflow reads its settings as it is imported
        loading = Thread(target=_import)
        loading.start()
        os.environ[postponed.FOLDER] = str(home)
        try:
            yield
        finally:
            os.environ.pop(postponed.FOLDER, None)
            loading.join()
            _record(home, root)


def _import() -> None:
    """Import what recording a run and registering a version need."""
    with suppress(ImportError):  # whoever needs it says what is missing
        import mlflow.pyfunc  # noqa: F401
        import mlflow.store.tracking.sqlalchemy_store  # noqa: F401
        import mlflow.tracking  # noqa: F401


def _record(home: Path, root: Path) -> None:
    """Record all runs that are noted, the oldest first."""
    for path in sorted(home.glob("*.json")):
        note = json.loads(path.read_text(encoding="utf-8"))
        opener = runs.run if note["opener"] == "run" else runs.resume
        with opener(**note["arguments"], root=root) as run:
            for name, arguments in note["calls"]:
                _repeat(run, name, arguments)
        path.unlink()


def _repeat(run: runs.Recorder, name: str, arguments: list[Any]) -> None:
    """Repeat a noted call.

    Args:
        run: The open run.
        name: Method of the call.
        arguments: Arguments of the call, as JSON.
    """
    if name == "log_file":
        path, folder = arguments
        run.log_file(Path(path), folder)
    elif name == "log_metrics":
        run.log_metrics(*arguments)
    else:
        run.log_params(*arguments)
