"""Stages of the pipeline, as `dvc.yaml` runs them: a thin main over a pure function each."""

import logging
import math
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from volant.errors import VolantError, disk_trouble
from volant.workspace.terminal import Console


def _alone(name: str) -> AbstractContextManager[None]:
    """Wait for a stage of this flywheel that outlived the turn which began it: both would write the same files."""
    if int(os.environ.get("RANK", "0")):  # of torchrun, whose first process holds it for all of them
        return nullcontext()
    from volant.workspace.locks import held  # here: a stage's lock is no part of what it makes
    from volant.workspace.paths import LOCKS

    waiting = f"Waiting for a stage of {name} that still runs: {{holder}}."
    return held(LOCKS / f"{Path(name).name}.stage", sys.argv[0], math.inf, waiting, refused="")


def run_stage(main: Callable[[str], None]) -> None:
    """Run a stage for the flywheel that the command line names.

    An error of the user's is a message and exit code 2, a disk that takes no more is one and exit code 1.
    """
    # threads that wait fall asleep after some 30 µs: to spin on would halve the speed of others on their core, and
    # to sleep at once takes a seventh of the speed where there are no others
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
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
    except OSError as error:
        if (told := disk_trouble(error)) is None:
            raise
        Console(stderr=True).print(told, style="red", markup=False, highlight=False, soft_wrap=True)
        raise SystemExit(1) from error
    except KeyboardInterrupt as error:
        Console(stderr=True).print("Stopped. Run the same command again to go on.", style="yellow")
        raise SystemExit(130) from error
