"""A small SQLite file that all workers share and only its owner reads."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from volant.workspace.files import private

TIMEOUT = 5  # seconds that one worker waits for another


@contextmanager
def opened(path: Path, table: str) -> Iterator[sqlite3.Connection]:
    """One change of all that is in it: by no two workers at once, and none of it if it fails half-way.

    It is fast rather than durable: after a crash of the machine the last changes may be gone.

    Args:
        path: Made if it isn't there.
        table: A `CREATE TABLE IF NOT EXISTS`.

    Raises:
        sqlite3.OperationalError: If it can't be had in time, or written.
        sqlite3.DatabaseError: If it is no database any more; it is removed, so that the next one begins anew.
        OSError: If the file can't be made.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> table = "CREATE TABLE IF NOT EXISTS t (n INTEGER)"
        >>> with TemporaryDirectory() as folder, opened(Path(folder, "a.sqlite"), table) as base:
        ...     _ = base.execute("INSERT INTO t VALUES (7)")
        ...     base.execute("SELECT n FROM t").fetchone()
        (7,)
    """
    private(path.parent)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    try:
        with closing(sqlite3.connect(path, timeout=TIMEOUT, isolation_level=None)) as base, base:
            base.execute("PRAGMA synchronous = OFF")
            base.execute("BEGIN IMMEDIATE")
            base.execute(table)
            yield base
    except sqlite3.DatabaseError as error:
        if not isinstance(error, sqlite3.OperationalError):
            path.unlink(missing_ok=True)
        raise
