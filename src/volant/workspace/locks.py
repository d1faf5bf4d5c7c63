"""File locks: one process of this machine at a time; the second waits, and its message names the holder.

The system lets go of a lock when its process ends, however it ends.
"""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from volant.errors import VolantError
from volant.workspace.files import write_text
from volant.workspace.paths import LOCKS
from volant.workspace.terminal import Console

SOON = 1  # seconds after which the one who waits is told


@contextmanager
def held(path: Path, what: str, patience: float, waiting: str, refused: str) -> Iterator[None]:
    """Hold a lock while a `with` runs; beside the file it is written who holds it.

    Args:
        path: The file that is locked.
        what: What is done meanwhile, for those who wait.
        patience: Seconds to wait.
        waiting: Said on the error stream while it waits; `{holder}` stands for who holds it.
        refused: The error after that, likewise.

    Raises:
        VolantError: If another process still holds it then.
    """
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    holder = path.with_name(f"{path.name}.holder")
    try:
        try:
            lock.acquire(timeout=min(SOON, patience))
        except Timeout:
            if patience > SOON:
                said = waiting.replace("{holder}", _who(holder))
                Console(stderr=True).print(said, style="yellow", markup=False, highlight=False, soft_wrap=True)
            lock.acquire(timeout=max(0, patience - SOON))
    except Timeout as error:
        raise VolantError(refused.replace("{holder}", _who(holder))) from error
    try:
        about = {"pid": os.getpid(), "host": socket.gethostname(), "what": what, "since": now()}
        write_text(json.dumps(about) + "\n", holder)
        yield
    finally:
        lock.release()


def iteration_lock(what: str, root: Path = Path(), patience: float = 0) -> AbstractContextManager[None]:
    """Hold the lock of an iteration: one for all flywheels, as DVC reads their common params.yaml after each stage.

    Args:
        what: What is done meanwhile.
        root: The project's root.
        patience: Seconds to wait.

    Raises:
        VolantError: If another process holds it for longer; says which.
    """
    waiting = "Waiting for the running iteration ({holder})."
    refused = "Another iteration is running ({holder}). Wait, or stop it and rerun: it resumes."
    return held(root / LOCKS / "iteration", what, patience, waiting, refused)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a lock against all other processes and threads for the context, after a wait without limit or message."""
    import fcntl  # not on Windows, where no service runs

    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def try_lock(file: IO[str]) -> bool:
    """Lock an open file until it is closed; return False if another process or thread has locked it."""
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _who(holder: Path) -> str:
    try:
        about = json.loads(holder.read_text(encoding="utf-8"))
        return "process {pid} ({what}) on {host} since {since}".format(**about)
    except (OSError, ValueError, KeyError):  # it has just taken the lock, and not said who it is yet
        return "another process"
