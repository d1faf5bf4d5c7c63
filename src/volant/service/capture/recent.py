"""The last answers of all workers, so that feedback which names one finds its text: from any worker, after a restart.

One SQLite file that only its owner reads, bounded by number and by size; texts are redacted as in captures. It is
written a few times a second off the path of requests; what a crash of the machine makes of it, it begins anew.
"""

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from volant.monitor.captures import Answered, read, row
from volant.service.errors import RefusedError
from volant.workspace.paths import SERVICE
from volant.workspace.sqlite import opened

FILE = SERVICE / "recent.sqlite"
CHARACTERS = 32_000_000  # of their lines together
WAITING = 20_000  # answers that may wait to be written
EVERY = 0.2  # seconds between two writes
LOOKING = 4  # threads that wait for another worker's answers
TRIM = 1000  # rows between two looks at the size
log = logging.getLogger(__name__)
Found = TypeVar("Found")

TABLE = "CREATE TABLE IF NOT EXISTS given (n INTEGER PRIMARY KEY, id TEXT UNIQUE, line TEXT, claimed INTEGER DEFAULT 0)"
OLD = """DELETE FROM given WHERE n <= (SELECT max(n) FROM
    (SELECT n, row_number() OVER newest AS many, sum(length(line)) OVER newest AS held
     FROM given WINDOW newest AS (ORDER BY n DESC)) WHERE many > ? OR held > ?)"""


class Recent:
    """Answers by their id; the oldest leave first.

    Args:
        root: The project.
        redacted: What is taken out of their texts.
        most: Answers that are kept; 0 for none.
        characters: That their lines may have together.

    Attributes:
        dropped: Answers that are lost: more waited than may, or the file could not be written.
    """

    def __init__(
        self, root: Path = Path(), redacted: Sequence[str] = (), most: int = 20_000, characters: int = CHARACTERS
    ) -> None:
        self._path, self._redacted, self._most, self._characters = root / FILE, redacted, most, characters
        self.dropped = 0
        self._waiting: deque[Answered] = deque()
        self._since = TRIM
        self._looking = threading.Semaphore(LOOKING)
        if not most:
            self._path.unlink(missing_ok=True)  # of a time when some were kept
        self._adding, self._writing, self._closing = threading.Lock(), threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="recent", daemon=True)
        self._thread.start()

    def add(self, answered: Sequence[Answered]) -> None:
        """Remember these; returns at once. Where too many wait, the oldest are dropped."""
        if not self._most:
            return
        with self._adding:
            self._waiting.extend(answered)
            for _ in range(len(self._waiting) - WAITING):
                self._waiting.popleft()
                self.dropped += 1

    def find(self, event_id: str) -> Answered | None:
        """The answer of that id, whichever worker gave it and when; its text is redacted.

        Raises:
            RefusedError: 503 if too many ask for ids that aren't there.
        """
        if not self._most:
            return None
        self._write()
        line = self._do(lambda base: _line(base, event_id))
        if line is None:  # another worker may have given it a moment ago
            line = self._wait_for(event_id)
        return read(line) if line else None

    def _wait_for(self, event_id: str) -> str | None:
        """Look again a little later; ids that nobody gave must not take the threads of all others for that."""
        if not self._looking.acquire(blocking=False):
            raise RefusedError("Too many unknown ids are being looked for now. Try again in a second.", 503, 1)
        try:
            time.sleep(2 * EVERY)
            return self._do(lambda base: _line(base, event_id))
        finally:
            self._looking.release()

    def claim(self, event_id: str) -> bool:
        """Whether nobody, in any worker, claimed that answer before."""
        self._write()
        claim = "UPDATE given SET claimed = 1 WHERE id = ? AND claimed = 0"
        return bool(self._do(lambda base: base.execute(claim, (event_id,)).rowcount))

    def close(self) -> None:
        """Write what waits."""
        self._closing.set()
        self._thread.join()
        self._write()

    def _run(self) -> None:
        while not self._closing.wait(EVERY):
            self._write()

    def _write(self) -> None:
        with self._writing:
            with self._adding:
                some, self._waiting = self._waiting, deque()
            rows = [(one.event_id, row(one, self._redacted)) for one in some]
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

    def _do(self, work: Callable[[sqlite3.Connection], Found]) -> Found | None:
        """Work on the file; what is wrong with it must harm neither who asks nor who gives feedback."""
        try:
            with opened(self._path, TABLE) as base:
                return work(base)
        except (sqlite3.Error, OSError) as error:
            log.warning("Answers can't be remembered for feedback: %s", error)
            return None


def _line(base: sqlite3.Connection, event_id: str) -> str | None:
    found = base.execute("SELECT line FROM given WHERE id = ?", (event_id,)).fetchone()
    return found and found[0]
