"""The models in memory by name: the current and the previous version of each; a swap is one assignment."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from weakref import WeakSet

from volant.bundle.bundle import Bundle
from volant.bundle.manifest import BundleError
from volant.kinds.record import Annotation
from volant.service.deployments.batching import Batcher, ClosedError
from volant.service.errors import RefusedError
from volant.service.settings import Settings
from volant.service.telemetry.metrics import Metrics
from volant.workspace.terminal import plain

log = logging.getLogger("volant.service")
ARRIVAL = 3  # seconds that a request waits for a model that was just deployed
SOON = 0.05


@dataclass(frozen=True, eq=False)
class Answering:
    """A loaded version: its bundle, and the batcher that predicts with it."""

    bundle: Bundle
    flywheel: str
    version: str
    batcher: Batcher

    @property
    def digest(self) -> str:
        """The bundle's digest."""
        return self.bundle.manifest["digest"]


@dataclass(eq=False)
class Slot:
    """The state of a deployment.

    Attributes:
        current: Version that answers, if any.
        previous: Version that answered before, kept for an instant rollback.
        error: Reason why the wanted version doesn't answer.
        refused: Digest of the bundle that could not be loaded, if that is the reason.
        since: Time since which `current` answers.
        swaps: Number of swaps.
    """

    current: Answering | None = None
    previous: Answering | None = None
    error: str | None = None
    refused: str | None = None
    since: datetime | None = None
    swaps: int = 0


@dataclass(frozen=True, slots=True)
class Answers:
    """The predictions for one request, by one version."""

    model: str
    version: str
    flywheel: str
    bundle: Bundle
    annotations: list[Annotation]


@dataclass(frozen=True)
class Target:
    """The bundle that a name is to answer with."""

    flywheel: str
    version: str
    folder: Path
    digest: str | None = None


@dataclass
class Models:
    """All deployed models of this process.

    Attributes:
        settings: Settings of the service.
        metrics: Metrics for Prometheus.
        slots: State of each deployment, by name.
        deployed: Returns True for a deployed name, even if this worker has not loaded it yet: another worker may have
            deployed it.

    Example:
        models = Models(Settings(), Metrics())
        models.set("reviews", Target("reviews", "3", Path(".volant/versions/reviews/3")))
        answers = await models.predict("reviews", ["A fine film."])
    """

    settings: Settings
    metrics: Metrics
    slots: dict[str, Slot] = field(default_factory=dict)
    deployed: Callable[[str], bool] = lambda _: False
    _batchers: "WeakSet[Batcher]" = field(default_factory=WeakSet)  # including those that are closing
    _lock: threading.RLock = field(default_factory=threading.RLock)

    async def predict(self, name: str, texts: Sequence[str], client: str = "") -> Answers:
        """Predict texts of a client with the current version, batched with those of other requests.

        Args:
            name: Name of the deployment.
            texts: Raw texts.
            client: Identity of the client; clients take turns.

        Raises:
            RefusedError: 404 if the name isn't deployed, 503 if it has no version yet, 429 if too many texts wait.
        """
        await self._arrival(name)
        while True:
            answering = self.current(name)
            try:
                answered = answering.batcher.submit(texts, client)
            except ClosedError:  # the version was replaced between these two lines
                continue
            return Answers(name, answering.version, answering.flywheel, answering.bundle, await answered)

    def current(self, name: str) -> Answering:
        """Return the version that answers under a name.

        Raises:
            RefusedError: 404 if the name isn't deployed, 503 if it has no version yet.
        """
        slot = self.slots.get(name)
        if slot is None and self.deployed(name):
            raise RefusedError(f"'{name}' is being loaded; try again in a second.", 503, retry_after=1)
        if slot is None:
            known = ", ".join(sorted(self.slots)) or "none"
            raise RefusedError(f"No model is deployed as '{name[:100]}'. Deployed: {known}.", 404)
        answering = slot.current
        if answering is None:
            why = slot.error or "it is being loaded"
            raise RefusedError(f"'{name}' has no version that answers yet: {why}", 503, retry_after=2)
        return answering

    def named(self, model: str | None) -> str:
        """Return the given name, or the only one that is deployed.

        Raises:
            RefusedError: 422 if no name is given and several are deployed, 503 if nothing is.
        """
        if model is not None:
            return model
        if len(self.slots) == 1:
            return next(iter(self.slots))
        if not self.slots:
            raise RefusedError("Nothing is deployed yet.", 503, retry_after=2)
        raise RefusedError(f"Several models are deployed; name one as `model`: {', '.join(sorted(self.slots))}.")

    def set(self, name: str, target: Target) -> bool:
        """Make a name answer with a bundle; the present version answers until the new one is loaded.

        Returns:
            True if it answers with the bundle; otherwise `error` of its slot has the reason.
        """
        with self._lock:
            slot = self._slot(name)
            if slot.current and _is(slot.current, target):
                slot.error = slot.refused = None
                return True
            try:
                found = self._loaded(target) or self._load(target)
            except Exception as error:  # a broken bundle may raise anything, and the old one must continue
                slot.refused = target.digest
                slot.error = f"version {target.version} was refused, {_still(slot)}: {error}"
                log.warning("%s: %s", name, plain(slot.error))
                self.metrics.swap(name, "refused")
                return False
            self._swap(name, slot, found)
            return True

    def failed(self, name: str, error: str) -> None:
        """Record the reason why the wanted version of a name is not available."""
        with self._lock:
            self._slot(name).error = error

    def remove(self, name: str) -> None:
        """Remove a name; queued texts are still predicted."""
        with self._lock:
            before = self._answering()
            self.slots = {known: slot for known, slot in self.slots.items() if known != name}
            self._tidy(set(before))

    def close(self) -> None:
        """Predict the queued texts, then stop."""
        with self._lock:
            for batcher in list(self._batchers):
                batcher.close(wait=True)

    def loaded(self, target: Target) -> bool:
        """Return True if a bundle is in memory, under any name."""
        return self._loaded(target) is not None

    async def _arrival(self, name: str) -> None:
        """Wait briefly for a model that was just deployed through another worker."""
        deadline = time.monotonic() + ARRIVAL
        while self._arrives(name) and time.monotonic() < deadline:
            await asyncio.sleep(SOON)

    def _arrives(self, name: str) -> bool:
        slot = self.slots.get(name)
        return self.deployed(name) if slot is None else slot.current is None and slot.error is None

    def _slot(self, name: str) -> Slot:
        if name not in self.slots:  # the dictionary is replaced, never changed: other threads may iterate over it
            self.slots = {**self.slots, name: Slot()}
        return self.slots[name]

    def _swap(self, name: str, slot: Slot, found: Answering) -> None:
        before = self._answering()
        old = slot.current
        slot.current = found
        slot.previous = old or slot.previous
        slot.error = slot.refused = None
        slot.since = datetime.now(UTC)
        slot.swaps = slot.swaps + (old is not None)
        self.metrics.swap(name, "swapped" if old else "loaded")
        log.info("%s answers with version %s of %s", name, found.version, found.flywheel)
        self._tidy({*before, found})

    def _load(self, target: Target) -> Answering:
        bundle = Bundle.load(target.folder)
        if target.digest and bundle.manifest["digest"] != target.digest:
            raise BundleError(f"{target.folder.name} holds another bundle than was registered.")
        warm(bundle)
        longest = int(bundle.manifest["runtime"].get("max_length", 2**20))
        batcher = Batcher(
            bundle.predict,
            self.settings.batching,
            self.settings.limits,
            longest,
            partial(self.metrics.batch, target.flywheel),
        )
        self._batchers.add(batcher)
        return Answering(bundle, target.flywheel, target.version, batcher)

    def _loaded(self, target: Target) -> Answering | None:
        return next((answering for answering in self._answering() if _is(answering, target)), None)

    def _answering(self) -> list[Answering]:
        """Return all versions in memory, each once: two names may share one."""
        both = [answering for slot in self.slots.values() for answering in (slot.current, slot.previous)]
        return list({id(answering): answering for answering in both if answering}.values())

    def _tidy(self, known: "set[Answering]") -> None:
        for answering in known - set(self._answering()):
            answering.batcher.close()


def warm(bundle: Bundle) -> None:
    """Predict a few texts of several lengths, so that the first request isn't slow."""
    texts = [case["text"] for case in bundle.golden()[:8]]
    bundle.predict([*texts, " ".join(texts)])


def _is(answering: Answering, target: Target) -> bool:
    same = (answering.flywheel, answering.version) == (target.flywheel, target.version)
    return same and target.digest in (None, answering.digest)


def _still(slot: Slot) -> str:
    return f"{slot.current.version} goes on" if slot.current else "nothing answers"
