"""File locks between the processes of this machine; a process that waits shows who holds the lock.

The operating system releases a lock when its process ends, even if it is killed.
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

NOTICE_AFTER = 1  # seconds of waiting after which a message is shown


@contextmanager
def held(path: Path, what: str, patience: float, waiting: str, refused: str) -> Iterator[None]:
    """Hold a lock during the body of the `with` statement; a file beside it describes the holder.

    Args:
        path: File to lock.
        what: Description of the work, for other processes.
        patience: Seconds to wait for the lock.
        waiting: Message on the error stream during the wait; `{holder}` is replaced by the holder.
        refused: Message of the error after the wait, with `{holder}` too.

    Raises:
        VolantError: If another process holds the lock for longer.
    """
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    holder = path.with_name(f"{path.name}.holder")
    try:
        try:
            lock.acquire(timeout=min(NOTICE_AFTER, patience))
        except Timeout:
            if patience > NOTICE_AFTER:
                message = waiting.replace("{holder}", _describe(holder))
                Console(stderr=True).print(message, style="yellow", markup=False, highlight=False, soft_wrap=True)
            lock.acquire(timeout=max(0, patience - NOTICE_AFTER))
    except Timeout as error:
        raise VolantError(refused.replace("{holder}", _describe(holder))) from error
    try:
        details = {"pid": os.getpid(), "host": socket.gethostname(), "what": what, "since": now()}
        write_text(json.dumps(details) + "\n", holder)
        yield
    finally:
        lock.release()


def iteration_lock(what: str, root: Path = Path(), patience: float = 0) -> AbstractContextManager[None]:
    """Hold the lock of an iteration: one for all flywheels, as DVC reads their common params.yaml after each stage.

    Entering the context causes a `VolantError` that names the holder if another process holds the lock for longer.

    Args:
        what: Description of the work, for other processes.
        root: The project's root.
        patience: Seconds to wait for the lock.
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
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _describe(holder: Path) -> str:
    try:
        details = json.loads(holder.read_text(encoding="utf-8"))
        return "process {pid} ({what}) on {host} since {since}".format(**details)
    except (OSError, ValueError, KeyError):  # the holder has just acquired the lock, and not written the file yet
        return "another process"
