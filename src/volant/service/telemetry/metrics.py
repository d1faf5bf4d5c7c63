"""Prometheus metrics per model: requests, texts, latency, labels, confidence, swaps, batches; never a text.

Each worker writes its own metrics to files (see `counters`), and BentoML's `/metrics` sums them.
"""

import logging
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from volant.monitor.captures import PredictionEvent
from volant.service.telemetry import counters
from volant.workspace.paths import SERVICE

FOLDER = SERVICE / "metrics"
SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
SHARES = tuple(tenth / 10 for tenth in range(1, 11))
log = logging.getLogger("volant.service")
TEXTS = tuple(float(2**power) for power in range(11))


class Metrics:
    """The metrics of this process, which are also a sink of prediction events.

    Args:
        registry: Prometheus registry; the process's own if None.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        from prometheus_client import REGISTRY

        home = registry or REGISTRY
        names = ["model"]
        self._registry = home
        self._requests = Counter("volant_requests", "Requests", [*names, "status"], registry=home)
        self._texts = Counter("volant_texts", "Predicted texts", names, registry=home)
        self._seconds = Histogram("volant_request_seconds", "Time of a request", names, buckets=SECONDS, registry=home)
        self._labels = Counter("volant_predicted", "Predicted labels", [*names, "version", "label"], registry=home)
        self._confidence = Histogram("volant_confidence", "Score of the label", names, buckets=SHARES, registry=home)
        self._swaps = Counter("volant_swaps", "Changes of version", [*names, "outcome"], registry=home)
        self._batches = Histogram("volant_batch_texts", "Texts in a batch", ["flywheel"], buckets=TEXTS, registry=home)
        self._sinks = Counter("volant_sink_answers", "Predictions per sink", ["sink", "outcome"], registry=home)

    def request(self, model: str, texts: int, seconds: float) -> None:
        """Count a successful request.

        Args:
            model: Name of the deployment.
            texts: Number of texts.
            seconds: Latency in seconds.
        """
        self._requests.labels(model, "200").inc()
        self._texts.labels(model).inc(texts)
        self._seconds.labels(model).observe(seconds)

    def refused(self, model: str, status: int) -> None:
        """Count a refused request; names that aren't deployed are not recorded, as clients can invent them.

        Args:
            model: Name of the deployment; empty if there is none.
            status: HTTP status.
        """
        self._requests.labels(model, str(status)).inc()

    def batch(self, flywheel: str, texts: int) -> None:
        """Count a batch of texts."""
        self._batches.labels(flywheel).observe(texts)

    def swap(self, model: str, outcome: str) -> None:
        """Count a swap of versions, or its failure."""
        self._swaps.labels(model, outcome).inc()

    def sink(self, name: str, outcome: str, events: int) -> None:
        """Count the events that a sink wrote or dropped.

        Args:
            name: Name of the sink.
            outcome: `written`, `dropped` or `forgotten`.
            events: Number of events.
        """
        self._sinks.labels(name, outcome).inc(events)

    def put(self, events: Sequence[PredictionEvent]) -> None:
        """Count labels and confidence."""
        for event in events:
            for label in event.labels:
                self._labels.labels(event.model, event.version, label).inc()
            self._confidence.labels(event.model).observe(event.score)

    def close(self) -> None:
        """Do nothing: no event is pending."""

    def page(self) -> bytes:
        """Return the metrics of this process alone in the format of Prometheus."""
        return generate_latest(self._registry)


def share_counters(root: Path = Path()) -> None:
    """Make the workers of this service share their counters, separate from other services on this machine.

    BentoML uses one folder for all services of a user, and empties it whenever one of them starts. Call this in a
    worker before the first counter is created; the files of ended services are removed.
    """
    import psutil

    parent = os.getppid()
    started = 0.0
    with suppress(psutil.Error):
        started = psutil.Process(parent).create_time()  # process ids repeat in a container
    own = (root / FOLDER / f"{parent}-{started:.0f}").resolve()
    counters.use()
    try:
        own.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        log.warning("The counters of the workers can't be summed: %s", error)
        return
    for other in own.parent.iterdir():
        if other != own and not psutil.pid_exists(int(other.name.partition("-")[0])):
            shutil.rmtree(other, ignore_errors=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(own)
