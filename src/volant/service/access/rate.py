"""Rate limit per client: counted for all workers together, and across restarts."""

import logging
import sqlite3
import time
from pathlib import Path

from volant.workspace.paths import SERVICE
from volant.workspace.sqlite import opened

FILE = SERVICE / "rate.sqlite"
TABLE = "CREATE TABLE IF NOT EXISTS clients (client TEXT PRIMARY KEY, tokens REAL, seen REAL)"
log = logging.getLogger(__name__)


class Rate:
    """A token bucket for each client: a number of requests per minute, in a burst or evenly.

    Args:
        per_minute: Requests per minute.
        root: The project's root.
    """

    def __init__(self, per_minute: int, root: Path = Path()) -> None:
        self._per_minute = per_minute
        self._path = root / FILE

    def wait(self, client: str) -> float:
        """Count a request of a client; return the seconds to wait, or 0 if the request is allowed."""
        now = time.time()
        try:
            with opened(self._path, TABLE) as base:
                base.execute("DELETE FROM clients WHERE seen < ?", (now - 60,))  # their buckets are full again
                query = "SELECT tokens, seen FROM clients WHERE client = ?"
                tokens, seen = base.execute(query, (client,)).fetchone() or (self._per_minute, now)
                tokens = min(self._per_minute, tokens + max(0, now - seen) * self._per_minute / 60)
                allowed = tokens >= 1
                base.execute("INSERT OR REPLACE INTO clients VALUES (?, ?, ?)", (client, tokens - allowed, now))
        except (sqlite3.Error, OSError) as error:
            log.warning("Feedback can't be counted, and is accepted: %s", error)
            return 0
        return 0 if allowed else (1 - tokens) * 60 / self._per_minute
