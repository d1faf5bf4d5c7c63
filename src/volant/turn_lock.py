"""One turn at a time in a project, on this machine: whoever comes second waits, or is told who is at it.

One lock for all flywheels: they share params.yaml, which DVC reads again after each stage.
"""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from volant.errors import VolantError
from volant.schema import write_text

STATE = Path(".volant")


@contextmanager
def turn_lock(what: str, root: Path = Path(), patience: float = 0) -> Iterator[None]:
    """Hold the project's turn; the system lets go of it when the process ends, however it ends.

    Args:
        what: What is done meanwhile, for those who wait.
        root: The project's root.
        patience: Seconds to wait.

    Raises:
        VolantError: If another process holds it for longer; says which.
    """
    from filelock import FileLock, Timeout

    path = root / STATE / "lock" / "turn"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=patience)
    try:
        lock.acquire()
    except Timeout as error:
        raise VolantError(
            f"Another turn is on: {_holder(path)}. Wait for it, or stop it and run this again: it goes on."
        ) from error
    try:
        about = {"what": what, "pid": os.getpid(), "host": socket.gethostname()}
        since = datetime.now(UTC).isoformat(timespec="seconds")
        write_text(json.dumps({**about, "since": since}), path.with_suffix(".holder"))
        yield
    finally:
        lock.release()


def _holder(path: Path) -> str:
    try:
        return "{what}, process {pid} on {host}, since {since}".format(
            **json.loads(path.with_suffix(".holder").read_text(encoding="utf-8"))
        )
    except (OSError, ValueError, KeyError):  # it has just taken the lock, and not said who it is yet
        return "another process"
