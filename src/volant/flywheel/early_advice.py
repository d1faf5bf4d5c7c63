"""Advice begun while a model is trained: both need the clean rows alone, and the evaluation takes one core."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from volant import config
from volant.kinds import KINDS


@contextmanager
def advising(
    name: str, planned: Callable[[], config.Flywheel | None], root: Path = Path()
) -> Iterator[Callable[[str], None]]:
    """Yield a function that is told each stage that starts; with `train`, another process begins with the advice.

    At the end, `learn` takes over what that process wrote. If it failed, `learn` does the same work and says why.

    Args:
        name: Name of the flywheel.
        planned: Returns the config of the iteration that was planned.
        root: Root of the project.
    """
    running: list[subprocess.Popen[bytes]] = []

    def started(stage: str) -> None:
        if stage == "train" and _needs_rows_alone(planned()):
            command = [sys.executable, "-m", "volant", "next", name, "--json"]
            quiet = subprocess.DEVNULL
            running.append(subprocess.Popen(command, cwd=root, stdin=quiet, stdout=quiet, stderr=quiet))  # noqa: S603

    try:
        yield started
    except BaseException:
        for process in running:
            process.kill()
        raise
    finally:
        for process in running:
            process.wait()


def _needs_rows_alone(flywheel: config.Flywheel | None) -> bool:
    """Return True for labels of whole texts; advice on parts of texts asks the model that is being trained."""
    return flywheel is not None and KINDS[flywheel.kind].head == "text"
