"""Runs that stages note in a file, so that only the iteration imports MLflow, which takes seconds.

A stage that `dvc repro` runs by itself has no iteration to record its run, and records it at once.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from volant.workspace.files import write_text

FOLDER = "VOLANT_POSTPONED_RUNS"  # variable that an iteration sets for its stages


class Postponed:
    """A run whose content is noted as calls of `volant.tracking.runs.Run`."""

    id = None

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[Any]]] = []

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log results of the whole run, or, with a step, points of curves."""
        self.calls.append(("log_metrics", [dict(metrics), step]))

    def log_params(self, params: Mapping[str, object]) -> None:
        """Log the config, a tree, under dotted names."""
        self.calls.append(("log_params", [dict(params)]))

    def log_file(self, path: Path, folder: str | None = None) -> None:
        """Log a file, or every file of a folder, under `folder` of the run."""
        self.calls.append(("log_file", [str(path.absolute()), folder]))


def folder() -> Path | None:
    """Return the folder in which runs are noted; None where they are recorded at once."""
    given = os.environ.get(FOLDER)
    return Path(given) if given else None


@contextmanager
def noted(home: Path, opener: str, **arguments: Any) -> Iterator[Postponed]:
    """Note a run in a file of its own once the context ends well.

    Args:
        home: Folder of the file.
        opener: `run` or `resume`.
        **arguments: Arguments of the opener.
    """
    run = Postponed()
    yield run
    note = {"opener": opener, "arguments": arguments, "calls": run.calls}
    # the name sorts by time; a number that JSON lacks (numpy's) is noted as a float
    write_text(json.dumps(note, default=float), home / f"{time.time_ns():020}.json")
