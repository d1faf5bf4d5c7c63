"""The pool of models in memory: the current and the previous version of each deployment."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from weakref import WeakSet

from volant.bundle.bundle import Bundle
from volant.bundle.manifest import BundleError
from volant.service.deployments.batching import Batcher, ClosedError
from volant.service.deployments.slots import LoadedVersion, Prediction, Slot, Target, warm
from volant.service.errors import RefusedError
from volant.service.settings import Settings
from volant.service.telemetry.metrics import Metrics
from volant.workspace.terminal import plain

log = logging.getLogger("volant.service")
ARRIVAL = 3  # seconds that a request waits for a model that was just deployed
POLL = 0.05  # seconds between two checks meanwhile


@dataclass
class ModelPool:
    """All deployed models of this process; a swap of versions is one assignment.

    Attributes:
        settings: Settings of the service.
        metrics: Metrics for Prometheus.
        slots: State of each deployment, by name.
        is_deployed: Returns True for a deployed name, even if this worker has not loaded it yet: another worker may
            have deployed it.

    Example:
        models = ModelPool(Settings(), Metrics())
        models.set("reviews", Target("reviews", "3", Path(".volant/versions/reviews/3")))
        prediction = await models.predict("reviews", ["A fine film."])
    """

    settings: Settings
    metrics: Metrics
    slots: dict[str, Slot] = field(default_factory=dict)
    is_deployed: Callable[[str], bool] = lambda _: False
    _batchers: "WeakSet[Batcher]" = field(default_factory=WeakSet)  # including those that are closing
    _lock: threading.RLock = field(default_factory=threading.RLock)

    async def predict(self, name: str, texts: Sequence[str], client: str = "") -> Prediction:
        """Predict texts of a client with the current version, batched with those of other requests.

        It raises a `RefusedError`: 404 if the name isn't deployed, 503 if it has no version yet, 429 if too many texts
        are queued.

        Args:
            name: Name of the deployment.
            texts: Raw texts.
            client: Identity of the client; clients take turns.
        """
        await self._wait_for(name)
        while True:
            version = self.current(name)
            try:
                future = version.batcher.submit(texts, client)
            except ClosedError:  # the version was replaced between these two lines
                continue
            return Prediction(name, version.version, version.flywheel, version.bundle, await future)

    def current(self, name: str) -> LoadedVersion:
        """Return the version in use under a name.

        Raises:
            RefusedError: 404 if the name isn't deployed, 503 if it has no version yet.
        """
        slot = self.slots.get(name)
        if slot is None and self.is_deployed(name):
            raise RefusedError(f"'{name}' is being loaded; try again in a second.", 503, retry_after=1)
        if slot is None:
            names = ", ".join(sorted(self.slots)) or "none"
            raise RefusedError(f"No model is deployed as '{name[:100]}'. Deployed: {names}.", 404)
        if slot.current is None:
            reason = slot.error or "it is being loaded"
            raise RefusedError(f"'{name}' has no version in use yet: {reason}", 503, retry_after=2)
        return slot.current

    def resolve(self, model: str | None) -> str:
        """Return the given name, or the only one that is deployed.

        Raises:
            RefusedError: 422 if no name is given and several are deployed, 503 if nothing is.
        """
        if model is not None:
            return model
        if len(self.slots) == 1:
            return next(iter(self.slots))
        if not self.slots:
            raise RefusedError("No model is deployed yet. Try again later.", 503, retry_after=2)
        raise RefusedError(f"Several models are deployed; name one as `model`: {', '.join(sorted(self.slots))}.")

    def set(self, name: str, target: Target) -> bool:
        """Use a bundle under a name; the present version stays in use until the new one is loaded.

        Args:
            name: Name of the deployment.
            target: The bundle.

        Returns:
            True if the bundle is in use; otherwise `error` of the slot has the reason.
        """
        with self._lock:
            slot = self._slot(name)
            if slot.current and slot.current.matches(target):
                slot.clear_error()
                return True
            try:
                version = self._find(target) or self._load(target)
            except Exception as error:  # a broken bundle may raise anything, and the old one must continue
                slot.refused = target.digest
                slot.error = f"version {target.version} was refused, {_describe(slot)}: {error}"
                log.warning("%s: %s", name, plain(slot.error))
                self.metrics.swap(name, "refused")
                return False
            self._swap(name, slot, version)
            return True

    def set_error(self, name: str, error: str) -> None:
        """Record the reason why the requested version of a name is not available."""
        with self._lock:
            self._slot(name).error = error

    def remove(self, name: str) -> None:
        """Remove a name; queued texts are still predicted."""
        with self._lock:
            before = self._versions()
            self.slots = {other: slot for other, slot in self.slots.items() if other != name}
            self._close_unused(set(before))

    def close(self) -> None:
        """Predict the queued texts, then stop."""
        with self._lock:
            for batcher in list(self._batchers):
                batcher.close(wait=True)

    def has(self, target: Target) -> bool:
        """Return True if a bundle is in memory, under any name."""
        return self._find(target) is not None

    async def _wait_for(self, name: str) -> None:
        """Wait briefly for a model that was just deployed through another worker."""
        deadline = time.monotonic() + ARRIVAL
        while self._is_loading(name) and time.monotonic() < deadline:
            await asyncio.sleep(POLL)

    def _is_loading(self, name: str) -> bool:
        slot = self.slots.get(name)
        return self.is_deployed(name) if slot is None else slot.current is None and slot.error is None

    def _slot(self, name: str) -> Slot:
        if name not in self.slots:  # the dictionary is replaced, never changed: other threads may iterate over it
            self.slots = {**self.slots, name: Slot()}
        return self.slots[name]

    def _swap(self, name: str, slot: Slot, new: LoadedVersion) -> None:
        before = self._versions()
        old = slot.current
        slot.current = new
        slot.previous = old or slot.previous
        slot.clear_error()
        slot.since = datetime.now(UTC)
        slot.swaps = slot.swaps + (old is not None)
        self.metrics.swap(name, "swapped" if old else "loaded")
        log.info("%s: version %s of %s is in use", name, new.version, new.flywheel)
        self._close_unused({*before, new})

    def _load(self, target: Target) -> LoadedVersion:
        bundle = Bundle.load(target.folder)
        if target.digest and bundle.manifest["digest"] != target.digest:
            raise BundleError(f"{target.folder.name} contains another bundle than the registered one.")
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
        return LoadedVersion(bundle, target.flywheel, target.version, batcher)

    def _find(self, target: Target) -> LoadedVersion | None:
        return next((version for version in self._versions() if version.matches(target)), None)

    def _versions(self) -> list[LoadedVersion]:
        """Return all versions in memory, each once: two names may share one."""
        pairs = ((slot.current, slot.previous) for slot in self.slots.values())
        return list(dict.fromkeys(version for version in chain.from_iterable(pairs) if version))

    def _close_unused(self, before: "set[LoadedVersion]") -> None:
        for version in before - set(self._versions()):
            version.batcher.close()


def _describe(slot: Slot) -> str:
    return f"version {slot.current.version} stays in use" if slot.current else "no version is in use"
