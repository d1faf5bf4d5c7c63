"""Small SQLite files that all workers share, and that only their owner can read."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from volant.workspace.files import private

TIMEOUT = 5  # seconds that one worker waits for another


@contextmanager
def opened(path: Path, table: str) -> Iterator[sqlite3.Connection]:
    """Open a database for one exclusive transaction, which is rolled back if the body raises an error.

    It is fast rather than durable: after a crash of the machine the last changes may be lost. An `OSError` means that
    the file can't be created.

    Args:
        path: The file; created if it doesn't exist.
        table: A `CREATE TABLE IF NOT EXISTS` statement.

    Raises:
        sqlite3.DatabaseError: If the database can't be used: `sqlite3.OperationalError` if it is locked for too long or
            can't be written; any other if the file is corrupt, which is deleted, so that the next call starts afresh.

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
