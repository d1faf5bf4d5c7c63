"""Stages of the pipeline, as `dvc.yaml` runs them: a thin main over a pure function each."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from volant.errors import VolantError

LOCKS = Path(".volant/lock")


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Wait for a stage of this flywheel that outlived the turn which began it: both would write the same files."""
    from filelock import FileLock, Timeout

    path = LOCKS / f"{Path(name).name}.stage"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        Console(stderr=True).print(f"Waiting for a stage of {name} that still runs.", style="yellow")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def run_stage(main: Callable[[str], None]) -> None:
    """Run a stage for the flywheel that the command line names; an error of the user's is a message, exit code 2."""
    # threads that wait do so asleep: where two of them share a core, spinning halves the speed of the one that works
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    if len(sys.argv) != 2:
        Console(stderr=True).print(f"Usage: python -m volant.stages.{Path(sys.argv[0]).stem} FLYWHEEL")
        raise SystemExit(2)
    try:
        with _alone(sys.argv[1]):
            main(sys.argv[1])
    except (VolantError, FileNotFoundError) as error:
        Console(stderr=True).print(str(error), style="red", markup=False, highlight=False)
        raise SystemExit(2) from error
    except KeyboardInterrupt as error:
        Console(stderr=True).print("Stopped. Run the same command again to go on.", style="yellow")
        raise SystemExit(130) from error
