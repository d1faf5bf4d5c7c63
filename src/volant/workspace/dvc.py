"""The environment of DVC, and retries while it is locked: DVC itself gives up after a few seconds."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from volant.errors import VolantError
from volant.workspace.terminal import Console

T = TypeVar("T")
QUIET = {"DVC_NO_ANALYTICS": "1", "PYTHONWARNINGS": "ignore:The version_base parameter"}  # of DVC's own call of Hydra
PATIENCE = 600  # seconds: adding a large dataset, or a stage that reads the lake, takes minutes
PAUSE = 0.5


def environment() -> dict[str, str]:
    """Return the environment for DVC, in which its stages find the Python that runs this."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**QUIET, **os.environ, "PATH": path}


def patiently(work: Callable[[], T], root: Path = Path(), patience: float = PATIENCE) -> T:
    """Return the result of `work`, retried while another command holds DVC's locks.

    Args:
        work: Function that calls DVC; it may be called several times.
        root: The project's root.
        patience: Seconds to retry.

    Raises:
        VolantError: If DVC is locked for longer.
        DvcException: If `work` raises it for another reason.
    """
    from dvc.exceptions import DvcException
    from dvc.lock import LockError
    from dvc.rwlock import RWLockFileCorruptedError

    deadline = time.monotonic() + patience
    announced = False
    while True:
        try:
            return work()
        except DvcException as error:
            if _is(error, RWLockFileCorruptedError):  # left by a killed process: DVC would fail at every call
                (root / ".dvc" / "tmp" / "rwlock").unlink(missing_ok=True)
                continue
            if not _is(error, LockError):
                raise
            if time.monotonic() > deadline:
                raise VolantError(
                    f"DVC is busy. Nothing was changed; run the same command again later. {error}"
                ) from error
            if not announced:
                Console(stderr=True).print("Waiting for DVC, which another command uses.", style="yellow")
            announced = True
            time.sleep(PAUSE)


def _is(error: BaseException | None, kind: type[Exception]) -> bool:
    """Return True if an error, or one of its causes, is of a type; for a stage that could not start it is a cause."""
    return error is not None and (isinstance(error, kind) or _is(error.__cause__, kind))
