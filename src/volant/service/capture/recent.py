"""Recent events of all workers, so that feedback finds the text of a prediction: from any worker, after any restart.

They are in one SQLite file that only its owner can read, limited in number and size, with texts redacted as in
captures. It is written a few times per second outside of requests. A file that a crash has corrupted is replaced by an
empty one.
"""

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from volant.monitor.captures import PredictionEvent, read, row
from volant.service.errors import RefusedError
from volant.workspace.paths import SERVICE
from volant.workspace.sqlite import opened

FILE = SERVICE / "recent.sqlite"
CHARACTERS = 32_000_000  # maximum total length of the lines
WAITING = 20_000  # maximum number of events that wait to be written
INTERVAL = 0.2  # seconds between two writes
LOOKUPS = 4  # maximum number of threads that wait for another worker's events
TRIM = 1000  # rows between two checks of the size
log = logging.getLogger(__name__)
Result = TypeVar("Result")

TABLE = "CREATE TABLE IF NOT EXISTS given (n INTEGER PRIMARY KEY, id TEXT UNIQUE, line TEXT, claimed INTEGER DEFAULT 0)"
OLD = """DELETE FROM given WHERE n <= (SELECT max(n) FROM
    (SELECT n, row_number() OVER newest AS many, sum(length(line)) OVER newest AS held
     FROM given WINDOW newest AS (ORDER BY n DESC)) WHERE many > ? OR held > ?)"""


class Recent:
    """Recent events by id; the oldest are removed first.

    Args:
        root: The project's root.
        redacted: Names of the `REDACTORS` that are applied to the texts.
        most: Maximum number of events; 0 for none.
        characters: Maximum total length of their lines in characters.

    Attributes:
        dropped: Number of lost events: too many were waiting, or the file could not be written.
    """

    def __init__(
        self, root: Path = Path(), redacted: Sequence[str] = (), most: int = 20_000, characters: int = CHARACTERS
    ) -> None:
        self._path = root / FILE
        self._redacted = redacted
        self._most = most
        self._characters = characters
        self.dropped = 0
        self._waiting: deque[PredictionEvent] = deque()
        self._since = TRIM
        self._lookups = threading.Semaphore(LOOKUPS)
        if not most:
            self._path.unlink(missing_ok=True)  # left from a time with another setting
        self._adding = threading.Lock()
        self._writing = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recent", daemon=True)
        self._thread.start()

    def add(self, events: Sequence[PredictionEvent]) -> None:
        """Store events; return at once. If too many are waiting, the oldest are dropped."""
        if not self._most:
            return
        with self._adding:
            self._waiting.extend(events)
            for _ in range(len(self._waiting) - WAITING):
                self._waiting.popleft()
                self.dropped += 1

    def find(self, event_id: str) -> PredictionEvent | None:
        """Return the event with an id, of any worker, with its text redacted; None if it is unknown.

        It raises a `RefusedError` (503) if too many unknown ids are being looked up.
        """
        if not self._most:
            return None
        self._write()
        line = self._do(lambda base: _line(base, event_id))
        if line is None:  # another worker may have generated it a moment ago
            line = self._retry(event_id)
        return read(line) if line else None

    def _retry(self, event_id: str) -> str | None:
        """Look an id up again a little later; unknown ids must not block the threads of other requests.

        Raises:
            RefusedError: 503 if too many unknown ids are being looked up.
        """
        if not self._lookups.acquire(blocking=False):
            raise RefusedError("Too many unknown ids are being looked up. Try again in a second.", 503, 1)
        try:
            time.sleep(2 * INTERVAL)
            return self._do(lambda base: _line(base, event_id))
        finally:
            self._lookups.release()

    def claim(self, event_id: str) -> bool:
        """Claim an event; return True if no worker has claimed it before."""
        self._write()
        claim = "UPDATE given SET claimed = 1 WHERE id = ? AND claimed = 0"
        return bool(self._do(lambda base: base.execute(claim, (event_id,)).rowcount))

    def close(self) -> None:
        """Write the waiting events."""
        self._closing.set()
        self._thread.join()
        self._write()

    def _run(self) -> None:
        while not self._closing.wait(INTERVAL):
            self._write()

    def _write(self) -> None:
        with self._writing:
            with self._adding:
                events = self._waiting
                self._waiting = deque()
            rows = [(event.event_id, row(event, self._redacted)) for event in events]
            if rows and not self._do(lambda base: self._insert(base, rows)):
                with self._adding:
                    self.dropped += len(rows)

    def _insert(self, base: sqlite3.Connection, rows: Sequence[tuple[str, str]]) -> bool:
        base.executemany("INSERT OR IGNORE INTO given (id, line) VALUES (?, ?)", rows)
        self._since += len(rows)
        if self._since >= TRIM:
            self._since = 0
            base.execute(OLD, (self._most, self._characters))
        return True

    def _do(self, work: Callable[[sqlite3.Connection], Result]) -> Result | None:
        """Run a function on the database; an error of the database must not affect requests or feedback."""
        try:
            with opened(self._path, TABLE) as base:
                return work(base)
        except (sqlite3.Error, OSError) as error:
            log.warning("Predictions can't be stored for feedback: %s", error)
            return None


def _line(base: sqlite3.Connection, event_id: str) -> str | None:
    match = base.execute("SELECT line FROM given WHERE id = ?", (event_id,)).fetchone()
    return match and match[0]
