"""The environment in which DVC runs, and patience with its locks: DVC itself gives up after seconds."""

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
PATIENCE = 600  # seconds: a large dataset is added, a stage reads the lake
PAUSE = 0.5


def environment() -> dict[str, str]:
    """Return the environment for DVC, in which its stages find the Python that runs this."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**QUIET, **os.environ, "PATH": path}


def patiently(work: Callable[[], T], root: Path = Path(), patience: float = PATIENCE) -> T:
    """Return the result of `work`, retried as long as another command holds DVC's locks.

    Args:
        work: Calls DVC; may be called several times.
        root: The project's root.
        patience: Seconds to wait.

    Raises:
        VolantError: If DVC is busy for longer.
        DvcException: Whatever else DVC says.
    """
    from dvc.exceptions import DvcException
    from dvc.lock import LockError
    from dvc.rwlock import RWLockFileCorruptedError

    deadline = time.monotonic() + patience
    said = False
    while True:
        try:
            return work()
        except DvcException as error:
            if _is(error, RWLockFileCorruptedError):  # its writer was killed: DVC itself would refuse for ever
                (root / ".dvc" / "tmp" / "rwlock").unlink(missing_ok=True)
                continue
            if not _is(error, LockError):
                raise
            if time.monotonic() > deadline:
                raise VolantError(
                    f"DVC is busy. Nothing was changed; run the same command again later. {error}"
                ) from error
            if not said:
                Console(stderr=True).print("Waiting for DVC, which another command uses.", style="yellow")
            said = True
            time.sleep(PAUSE)


def _is(error: BaseException | None, kind: type[Exception]) -> bool:
    """Return whether a busy DVC is behind an error: of a stage that could not start, it is the cause."""
    return error is not None and (isinstance(error, kind) or _is(error.__cause__, kind))
