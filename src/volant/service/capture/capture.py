"""Capture of answers: a sample, redacted, written to the lake off the path of requests."""

import logging
import threading
from collections import defaultdict, deque
from collections.abc import Sequence
from pathlib import Path

from volant.errors import VolantError
from volant.monitor.captures import FOLDER, PredictionEvent, folder, name, row, sampled
from volant.service import settings
from volant.service.capture.recent import Recent
from volant.workspace.lake import Lake
from volant.workspace.objects import Store, store
from volant.workspace.paths import SERVICE
from volant.workspace.terminal import plain

UNSENT = SERVICE / "unsent"
log = logging.getLogger(__name__)


class Capture:
    """A sink that writes a sample of answers as JSON lines under `captures/<model>/yyyy/mm/dd/hh/`.

    A thread writes them once enough are waiting, after some time, and at the end; a killed process loses at most the
    waiting ones.

    Args:
        config: Settings of the capture; defaults if None.
        root: The project's root.

    Attributes:
        written: Number of rows in the lake.
        dropped: Number of rows that are lost, because the buffer was full.
        failures: Number of failed writes to the lake.
    """

    def __init__(self, config: settings.Capture | None = None, root: Path = Path()) -> None:
        self.written = self.dropped = self.failures = 0
        self._config = config or settings.Capture()
        self._store = store(root)
        self._unsent = Store(Lake(str((root / UNSENT).resolve())))
        self._waiting: deque[PredictionEvent] = deque()
        self._recent = Recent(root, self._config.redact, self._config.remember)
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """The number of rows that are not written yet."""
        return len(self._waiting)

    @property
    def forgotten(self) -> int:
        """The number of answers that feedback can't name, because they were lost before they were stored."""
        return self._recent.dropped

    def put(self, answered: Sequence[PredictionEvent]) -> None:
        """Take answers: all are stored for feedback, the sampled ones are written to the lake."""
        self._recent.add(answered)
        with self._lock:
            for one in answered:
                if sampled(one.event_id, self._config.percent):
                    self._queue(one)

    def find(self, event_id: str) -> PredictionEvent | None:
        """Return the recent answer with an id, of any worker, with its text redacted; None if it is unknown."""
        return self._recent.find(event_id)

    def keep(self, answered: PredictionEvent) -> None:
        """Write an answer that got feedback although it was not sampled; once, across all workers."""
        if not sampled(answered.event_id, self._config.percent) and self._recent.claim(answered.event_id):
            with self._lock:
                self._queue(answered)

    def close(self) -> None:
        """Write the waiting rows to the lake, or, if that fails, to this machine; the next start sends those."""
        self._closing.set()
        self._wake.set()
        self._thread.join()
        self._recent.close()

    def _queue(self, one: PredictionEvent) -> None:
        if len(self._waiting) >= self._config.buffer:
            self.dropped += 1
            return
        self._waiting.append(one)
        if len(self._waiting) >= self._config.flush_rows:
            self._wake.set()

    def _run(self) -> None:
        self._send_unsent()
        while not self._closing.is_set():
            self._wake.wait(self._config.flush_seconds)
            self._wake.clear()
            if not self._flush(self._store):  # no immediate retry, even if further rows wake the thread
                self._closing.wait(self._config.flush_seconds)
        if not self._flush(self._store) and not self._flush(self._unsent):
            self.dropped += len(self._waiting)

    def _flush(self, place: Store) -> bool:
        """Write the waiting rows, one file for each model and hour; rows that can't be written keep waiting."""
        with self._lock:
            batch = self._waiting
            self._waiting = deque()
        groups: dict[str, list[PredictionEvent]] = defaultdict(list)
        for one in batch:
            groups[folder(FOLDER, one.model, one.time)].append(one)
        for at in list(groups):
            try:
                lines = [row(one, self._config.redact) for one in groups[at]]
                place.write(f"{at}/{name()}", "".join(f"{line}\n" for line in lines))
            except Exception as error:
                self._wait_on([one for rows in groups.values() for one in rows], error)
                return False
            done = groups.pop(at)
            self.written += len(done) if place is self._store else 0
        return True

    def _wait_on(self, rows: Sequence[PredictionEvent], error: Exception) -> None:
        self.failures += 1
        log.warning("%d captured rows can't be written, and wait: %s", len(rows), plain(str(error)))
        with self._lock:
            room = max(0, self._config.buffer - len(self._waiting))
            self._waiting.extendleft(reversed(rows[:room]))
            self.dropped += len(rows) - len(rows[:room])

    def _send_unsent(self) -> None:
        """Send the rows that an earlier process could only write to this machine."""
        try:
            for key in self._unsent.keys(FOLDER):
                text = self._unsent.read(key)
                self._store.write(key, text)
                (Path(self._unsent.lake.url) / key).unlink(missing_ok=True)
                self.written += text.count("\n")
        except VolantError as error:
            self.failures += 1
            log.warning("Rows of the last run are not in the lake yet: %s", plain(str(error)))
