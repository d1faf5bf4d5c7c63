"""Capture of predictions: a sample, redacted, written to the lake outside of requests."""

import logging
import threading
from collections import defaultdict, deque
from collections.abc import Sequence
from itertools import chain
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
    """A sink that writes a sample of events as JSON lines under `captures/<model>/yyyy/mm/dd/hh/`.

    A thread writes them once enough are waiting, after some time, and at the end; a killed process loses at most the
    waiting ones.

    Args:
        config: Settings of the capture; defaults if None.
        root: The project's root.

    Attributes:
        written: Number of rows in the lake.
        dropped: Number of rows that were lost because the buffer was full.
        failures: Number of failed writes to the lake.
    """

    def __init__(self, config: settings.Capture | None = None, root: Path = Path()) -> None:
        self.written = 0
        self.dropped = 0
        self.failures = 0
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
        """The number of events that feedback can't refer to, because they were lost before they were stored."""
        return self._recent.dropped

    def put(self, events: Sequence[PredictionEvent]) -> None:
        """Accept events: all are stored for feedback, the sampled ones are written to the lake."""
        self._recent.add(events)
        with self._lock:
            for event in events:
                if sampled(event.event_id, self._config.percent):
                    self._queue(event)

    def find(self, event_id: str) -> PredictionEvent | None:
        """Return the recent event with an id, of any worker, with its text redacted; None if it is unknown."""
        return self._recent.find(event_id)

    def keep(self, event: PredictionEvent) -> None:
        """Write an event that got feedback although it was not sampled; once, across all workers."""
        if not sampled(event.event_id, self._config.percent) and self._recent.claim(event.event_id):
            with self._lock:
                self._queue(event)

    def close(self) -> None:
        """Write the waiting rows to the lake, or, if that fails, to this machine; the next start sends those."""
        self._closing.set()
        self._wake.set()
        self._thread.join()
        self._recent.close()

    def _queue(self, event: PredictionEvent) -> None:
        if len(self._waiting) >= self._config.buffer:
            self.dropped += 1
            return
        self._waiting.append(event)
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

    def _flush(self, target: Store) -> bool:
        """Write the waiting rows, one file for each model and hour; rows that can't be written remain in the buffer."""
        with self._lock:
            batch = self._waiting
            self._waiting = deque()
        groups: dict[str, list[PredictionEvent]] = defaultdict(list)
        for event in batch:
            groups[folder(FOLDER, event.model, event.time)].append(event)
        for prefix in list(groups):
            try:
                lines = [row(event, self._config.redact) for event in groups[prefix]]
                target.write(f"{prefix}/{name()}", "".join(f"{line}\n" for line in lines))
            except Exception as error:
                self._put_back(list(chain.from_iterable(groups.values())), error)
                return False
            events = groups.pop(prefix)
            self.written += len(events) if target is self._store else 0
        return True

    def _put_back(self, events: Sequence[PredictionEvent], error: Exception) -> None:
        self.failures += 1
        log.warning("%d captured rows can't be written, and wait: %s", len(events), plain(str(error)))
        with self._lock:
            room = max(0, self._config.buffer - len(self._waiting))
            self._waiting.extendleft(reversed(events[:room]))
            self.dropped += len(events) - len(events[:room])

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
            log.warning("Rows of the previous run are not in the lake yet: %s", plain(str(error)))
