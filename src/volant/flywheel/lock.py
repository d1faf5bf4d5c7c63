"""One turn of a flywheel at a time, on this machine; a second one is told who is at it."""

import getpass
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
def locked(name: str, root: Path = Path()) -> Iterator[None]:
    """Hold the turn of a flywheel; the system lets go of it when the process ends, however it ends.

    Raises:
        VolantError: If another process holds it; says which.
    """
    from filelock import FileLock, Timeout

    path = root / STATE / "lock" / f"{name}.iterate"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise VolantError(
            f"{name} is being iterated: {_holder(path)}. Wait for it, or stop it and iterate again: it goes on."
        ) from error
    try:
        write_text(json.dumps(_self()), path.with_suffix(".holder"))
        yield
    finally:
        lock.release()


def _self() -> dict[str, str | int]:
    return {
        "pid": os.getpid(),
        "user": getpass.getuser(),
        "host": socket.gethostname(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _holder(path: Path) -> str:
    try:
        found = json.loads(path.with_suffix(".holder").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # it has just taken the lock, and not said who it is yet
        return "by another process"
    return "process {pid} of {user} on {host}, since {since}".format(**found)
