"""The models in memory: name → what answers now, and what answered before; a swap is one assignment."""

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

from volant.bundle.bundle import Bundle, BundleError
from volant.kinds.record import Annotation
from volant.service.deployments.batching import Batcher, ClosedError
from volant.service.errors import RefusedError
from volant.service.settings import Settings
from volant.service.telemetry.metrics import Metrics
from volant.workspace.terminal import plain

log = logging.getLogger("volant.service")
ARRIVAL = 3  # seconds that a request waits for a model that was deployed just now
SOON = 0.05


@dataclass(frozen=True, eq=False)
class Answering:
    """A loaded version: its bundle, and the thread that answers with it."""

    bundle: Bundle
    flywheel: str
    version: str
    batcher: Batcher

    @property
    def digest(self) -> str:
        """The bundle's own name."""
        return self.bundle.manifest["digest"]


@dataclass(eq=False)
class Slot:
    """A deployed name.

    Attributes:
        current: What answers, if anything does.
        previous: What answered before: kept for an instant way back.
        error: Why the version that is wanted doesn't answer.
        refused: The bundle that could not be loaded, if that is why.
        since: When `current` began to answer.
        swaps: How often it changed.
    """

    current: Answering | None = None
    previous: Answering | None = None
    error: str | None = None
    refused: str | None = None
    since: datetime | None = None
    swaps: int = 0


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers to one request, by one version."""

    model: str
    version: str
    flywheel: str
    bundle: Bundle
    annotations: list[Annotation]


@dataclass(frozen=True)
class Target:
    """Which bundle a name is to answer with."""

    flywheel: str
    version: str
    folder: Path
    digest: str | None = None


@dataclass
class Models:
    """All deployed models of this process.

    Attributes:
        deployed: Whether a name is deployed, though perhaps not loaded here yet: another worker may have been asked.

    Example:
        models = Models(Settings(), Metrics())
        models.set("reviews", Target("reviews", "3", Path(".volant/versions/reviews/3")))
        answers = await models.predict("reviews", ["A fine film."])
    """

    settings: Settings
    metrics: Metrics
    slots: dict[str, Slot] = field(default_factory=dict)
    deployed: Callable[[str], bool] = lambda _: False
    _batchers: "WeakSet[Batcher]" = field(default_factory=WeakSet)  # also those that end, as long as they do
    _lock: threading.RLock = field(default_factory=threading.RLock)

    async def predict(self, name: str, texts: Sequence[str], client: str = "") -> Answers:
        """Answer texts of a client with the version that is current now, together with those of other requests.

        Raises:
            RefusedError: 404 if the name isn't deployed, 503 if it has no version yet, 429 if too many texts wait.
        """
        await self._arrival(name)
        while True:
            answering = self.current(name)
            try:
                answered = answering.batcher.submit(texts, client)
            except ClosedError:  # replaced twice between these two lines
                continue
            return Answers(name, answering.version, answering.flywheel, answering.bundle, await answered)

    def current(self, name: str) -> Answering:
        """What answers under a name now.

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
        """The name that is meant where none is given.

        Raises:
            RefusedError: 422 if there are several, 503 if there is none.
        """
        if model is not None:
            return model
        if len(self.slots) == 1:
            return next(iter(self.slots))
        if not self.slots:
            raise RefusedError("Nothing is deployed yet.", 503, retry_after=2)
        raise RefusedError(f"Several models are deployed; name one as `model`: {', '.join(sorted(self.slots))}.")

    def set(self, name: str, target: Target) -> bool:
        """Make a name answer with a bundle; what answers now goes on until the new one does.

        Returns:
            Whether it answers with it; `error` of its slot says why not.
        """
        with self._lock:
            slot = self._slot(name)
            if slot.current and _is(slot.current, target):
                slot.error = slot.refused = None
                return True
            try:
                found = self._loaded(target) or self._load(target)
            except Exception as error:  # a bundle may be broken in any way, and the old one must go on
                slot.refused = target.digest
                slot.error = f"version {target.version} was refused, {_still(slot)}: {error}"
                log.warning("%s: %s", name, plain(slot.error))
                self.metrics.swap(name, "refused")
                return False
            self._swap(name, slot, found)
            return True

    def failed(self, name: str, error: str) -> None:
        """Say why a name can't have the version that is wanted."""
        with self._lock:
            self._slot(name).error = error

    def remove(self, name: str) -> None:
        """Forget a name; what was asked is still answered."""
        with self._lock:
            before = self._answering()
            self.slots = {known: slot for known, slot in self.slots.items() if known != name}
            self._tidy(set(before))

    def close(self) -> None:
        """Answer what was asked, then stop."""
        with self._lock:
            for batcher in list(self._batchers):
                batcher.close(wait=True)

    def loaded(self, target: Target) -> bool:
        """Whether it is in memory, under whichever name."""
        return self._loaded(target) is not None

    async def _arrival(self, name: str) -> None:
        """Who deploys a model may ask it at once, also of a worker that comes to know of it only now."""
        deadline = time.monotonic() + ARRIVAL
        while self._arrives(name) and time.monotonic() < deadline:
            await asyncio.sleep(SOON)

    def _arrives(self, name: str) -> bool:
        slot = self.slots.get(name)
        return self.deployed(name) if slot is None else slot.current is None and slot.error is None

    def _slot(self, name: str) -> Slot:
        if name not in self.slots:  # the dictionary is replaced, never changed: others may be walking through it
            self.slots = {**self.slots, name: Slot()}
        return self.slots[name]

    def _swap(self, name: str, slot: Slot, found: Answering) -> None:
        before = self._answering()
        old = slot.current
        slot.current, slot.previous = found, old or slot.previous
        slot.error = slot.refused = None
        slot.since, slot.swaps = datetime.now(UTC), slot.swaps + (old is not None)
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
        """Everything that is in memory: two names may share one."""
        both = [answering for slot in self.slots.values() for answering in (slot.current, slot.previous)]
        return list({id(answering): answering for answering in both if answering}.values())

    def _tidy(self, known: "set[Answering]") -> None:
        for answering in known - set(self._answering()):
            answering.batcher.close()


def warm(bundle: Bundle) -> None:
    """Answer a few texts of several lengths, so that the first person who asks doesn't wait."""
    texts = [case["text"] for case in bundle.golden()[:8]]
    bundle.predict([*texts, " ".join(texts)])


def _is(answering: Answering, target: Target) -> bool:
    same = (answering.flywheel, answering.version) == (target.flywheel, target.version)
    return same and target.digest in (None, answering.digest)


def _still(slot: Slot) -> str:
    return f"{slot.current.version} goes on" if slot.current else "nothing answers"
