"""One writer at a time in the lake of a flywheel; who waits is told for whom."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout
from rich.console import Console

from volant.datasets.catalogue import SIDES, cards, checked, home
from volant.errors import VolantError
from volant.schema import write_text

LOCKS = Path(".volant/lock")
PATIENCE = 600  # seconds


@contextmanager
def locked(flywheel: str, root: Path = Path(), patience: float = PATIENCE) -> Iterator[None]:
    """Hold the lake of a flywheel while a `with` runs; the lock of a process that was killed is free.

    Raises:
        VolantError: If another process still holds it after `patience` seconds; says which.
    """
    folder = root / LOCKS
    folder.mkdir(parents=True, exist_ok=True)
    name = checked(flywheel, "flywheel")
    lock, holder = FileLock(folder / f"{name}.lake"), folder / f"{name}.lake.json"
    try:
        try:
            lock.acquire(timeout=min(1, patience))
        except Timeout:
            Console(stderr=True).print(f"Waiting for the lake of {flywheel}, held by {_who(holder)}.", style="yellow")
            lock.acquire(timeout=max(0, patience - 1))
    except Timeout as error:
        raise VolantError(
            f"The lake of {flywheel} is held by {_who(holder)} for more than {patience:.0f} seconds. "
            "Nothing was changed. Wait for it or end it, then run the same command again."
        ) from error
    try:
        about = {"pid": os.getpid(), "command": " ".join(sys.argv)[:200], "since": now()}
        write_text(json.dumps(about) + "\n", holder)
        yield
    finally:
        lock.release()


def recover(flywheel: str, root: Path = Path()) -> list[Path]:
    """Remove what an ingest that was killed has left: rows without a card. Call it under the lock.

    Returns:
        The files that were removed.
    """
    kept = {f"{card.name}.parquet{end}" for card in cards(flywheel, root) for end in ("", ".dvc")}
    folders = [home(flywheel, side, root) for side in SIDES]
    found = [path for folder in folders for part in ("*.parquet*", ".*.part") for path in folder.glob(part)]
    left = [path for path in found if path.name not in kept]
    for path in left:
        path.unlink(missing_ok=True)
    return left


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _who(holder: Path) -> str:
    try:
        about = json.loads(holder.read_text(encoding="utf-8"))
        return f"process {about['pid']} ({about['command']}) since {about['since']}"
    except (OSError, ValueError, KeyError):
        return "another process"
