"""Loaded versions of bundles, and the slot of each deployment: its current and its previous version."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from volant.bundle.bundle import Bundle
from volant.kinds.record import Annotation
from volant.service.deployments.batching import Batcher


@dataclass(frozen=True)
class Target:
    """The bundle that a deployment is to use.

    Attributes:
        flywheel: Name of the flywheel.
        version: Number of the version.
        folder: Folder of the bundle.
        digest: Digest of the bundle; None if it is unknown.
    """

    flywheel: str
    version: str
    folder: Path
    digest: str | None = None


@dataclass(frozen=True, eq=False)
class LoadedVersion:
    """A loaded version: its bundle, and the batcher that predicts with it."""

    bundle: Bundle
    flywheel: str
    version: str
    batcher: Batcher

    @property
    def digest(self) -> str:
        """The bundle's digest."""
        return self.bundle.manifest["digest"]

    def matches(self, target: Target) -> bool:
        """Return True if it is the version of a target."""
        same = (self.flywheel, self.version) == (target.flywheel, target.version)
        return same and target.digest in (None, self.digest)


@dataclass(eq=False)
class Slot:
    """The state of a deployment.

    Attributes:
        current: Version in use, if any.
        previous: Previous version, kept for an instant rollback.
        error: Reason why the requested version is not in use.
        refused: Digest of the bundle that could not be loaded, if that is the reason.
        since: Time since which `current` is in use.
        swaps: Number of swaps.
    """

    current: LoadedVersion | None = None
    previous: LoadedVersion | None = None
    error: str | None = None
    refused: str | None = None
    since: datetime | None = None
    swaps: int = 0

    def clear_error(self) -> None:
        """Remove the error."""
        self.error = None
        self.refused = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """The predictions for one request, by one version."""

    model: str
    version: str
    flywheel: str
    bundle: Bundle
    annotations: list[Annotation]


def warm(bundle: Bundle) -> None:
    """Predict a few texts of several lengths, so that the first request isn't slow."""
    texts = [case["text"] for case in bundle.golden()[:8]]
    bundle.predict([*texts, " ".join(texts)])
