"""Dispatch of prediction events to sinks (capture, metrics), outside of requests."""

import logging
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from volant.bundle.bundle import Bundle
from volant.kinds.record import Annotation
from volant.monitor.captures import PredictionEvent, Sink
from volant.service.telemetry.metrics import Metrics

log = logging.getLogger("volant.service")
WAITING = 10_000  # maximum number of queued requests
LABEL = "teller"  # in the metrics; dashboards may use it


@dataclass(frozen=True, slots=True)
class Reply:
    """An answered request: texts, the id and the prediction of each, and the bundle that predicted."""

    model: str
    version: str
    texts: Sequence[str]
    ids: Sequence[str]
    annotations: Sequence[Annotation]
    time: datetime
    bundle: Bundle
    flywheel: str | None = None

    def events(self) -> list[PredictionEvent]:
        """Return one event for each text."""
        kind = self.bundle.kind.name
        return [
            PredictionEvent(event_id, self.model, self.version, text, kind, annotation, self.time, self.flywheel)
            for event_id, text, annotation in zip(self.ids, self.texts, self.annotations, strict=True)
        ]


class Publisher:
    """A thread that dispatches events to sinks; if it falls behind, events are dropped and counted.

    Args:
        sinks: Receivers of events.
        metrics: Metrics that count the dropped events.
    """

    def __init__(self, sinks: Sequence[Sink], metrics: Metrics) -> None:
        self.sinks = list(sinks)
        self._metrics = metrics
        self._queue: queue.Queue[Reply | None] = queue.Queue(WAITING)
        self._counted: dict[tuple[str, str], int] = {}
        self._thread = threading.Thread(target=self._work, name="publisher", daemon=True)
        self._thread.start()

    def publish(self, reply: Reply) -> None:
        """Queue an answered request for the sinks; return at once."""
        try:
            self._queue.put_nowait(reply)
        except queue.Full:
            self._metrics.sink(LABEL, "dropped", len(reply.texts))

    def close(self) -> None:
        """Dispatch the queued events, then close each sink."""
        self._queue.put(None)
        self._thread.join()
        for sink in self.sinks:
            sink.close()
        self._count()

    def _work(self) -> None:
        while True:
            try:
                reply = self._queue.get(timeout=1)
            except queue.Empty:
                self._count()
                continue
            if reply is None:
                return
            events = reply.events()
            for sink in self.sinks:
                try:
                    sink.put(events)
                except Exception as error:  # no error may end the thread; its message may contain a text
                    log.warning("%s failed to accept events: %s", type(sink).__name__, type(error).__name__)
            self._count()

    def _count(self) -> None:
        """Update the metrics from the sinks' own counts."""
        for sink in self.sinks:
            for outcome in ("written", "dropped", "forgotten"):
                now = getattr(sink, outcome, 0)
                key = (type(sink).__name__.lower(), outcome)
                if now > self._counted.get(key, 0):
                    self._metrics.sink(*key, now - self._counted.get(key, 0))
                    self._counted[key] = now
