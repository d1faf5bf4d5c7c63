"""Prometheus metrics per model: requests, texts, latency, labels, confidence, swaps, batches; never a text.

Each worker writes its own to files (see `counters`), and BentoML's `/metrics` sums them.
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
    """The metrics of this process, which are also a sink of answers.

    Args:
        registry: Prometheus registry; the process's own if None.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        from prometheus_client import REGISTRY

        self._registry = home = registry or REGISTRY
        names = ["model"]
        self._requests = Counter("volant_requests", "Requests", [*names, "status"], registry=home)
        self._texts = Counter("volant_texts", "Texts answered", names, registry=home)
        self._seconds = Histogram("volant_request_seconds", "Time of a request", names, buckets=SECONDS, registry=home)
        self._labels = Counter("volant_predicted", "Labels predicted", [*names, "version", "label"], registry=home)
        self._confidence = Histogram("volant_confidence", "Score of the label", names, buckets=SHARES, registry=home)
        self._swaps = Counter("volant_swaps", "Changes of version", [*names, "outcome"], registry=home)
        self._batches = Histogram("volant_batch_texts", "Texts in a batch", ["flywheel"], buckets=TEXTS, registry=home)
        self._told = Counter("volant_sink_answers", "Answers given to a sink", ["sink", "outcome"], registry=home)

    def request(self, model: str, texts: int, seconds: float) -> None:
        """Count an answered request.

        Args:
            model: Name of the deployment.
            texts: Number of texts.
            seconds: Latency in seconds.
        """
        self._requests.labels(model, "200").inc()
        self._texts.labels(model).inc(texts)
        self._seconds.labels(model).observe(seconds)

    def refused(self, model: str, status: int) -> None:
        """Count a refused request; names that aren't deployed are not recorded, as anybody can make them up."""
        self._requests.labels(model, str(status)).inc()

    def batch(self, flywheel: str, texts: int) -> None:
        """Count a batch of texts."""
        self._batches.labels(flywheel).observe(texts)

    def swap(self, model: str, outcome: str) -> None:
        """Count a swap of versions, or its failure."""
        self._swaps.labels(model, outcome).inc()

    def sink(self, name: str, outcome: str, answers: int) -> None:
        """Count the answers that a sink wrote or dropped.

        Args:
            name: Name of the sink.
            outcome: `written`, `dropped` or `forgotten`.
            answers: Number of answers.
        """
        self._told.labels(name, outcome).inc(answers)

    def put(self, answered: Sequence[PredictionEvent]) -> None:
        """Count labels and confidence."""
        for answer in answered:
            for label in answer.labels:
                self._labels.labels(answer.model, answer.version, label).inc()
            self._confidence.labels(answer.model).observe(answer.score)

    def close(self) -> None:
        """Do nothing: there is nothing to finish."""

    def page(self) -> bytes:
        """Return the metrics of this process alone in the format of Prometheus."""
        return generate_latest(self._registry)


def settle(root: Path = Path()) -> None:
    """Make the workers of this service share their counters, separate from other services on this machine.

    BentoML uses one folder for all services of a user, and empties it whenever one of them starts. Call this in a
    worker before the first counter is made; the files of ended services are removed.
    """
    import psutil

    parent = os.getppid()
    begun = 0.0
    with suppress(psutil.Error):
        begun = psutil.Process(parent).create_time()  # process numbers repeat in a container
    own = (root / FOLDER / f"{parent}-{begun:.0f}").resolve()
    counters.use()
    try:
        own.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        log.warning("Counters of several workers can't be added up: %s", error)
        return
    for other in own.parent.iterdir():
        if other != own and not psutil.pid_exists(int(other.name.partition("-")[0])):
            shutil.rmtree(other, ignore_errors=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(own)
