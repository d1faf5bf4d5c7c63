"""Synchronisation of the models in memory with the deployments and the versions that the watcher found."""

import logging
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from volant.service.deployments import watching
from volant.service.deployments.deployments import Deployment, Deployments
from volant.service.deployments.loaded import Models, Slot, Target
from volant.tracking.stores import has_registry

log = logging.getLogger("volant.service")
PATIENCE = 60  # seconds that a start waits for versions that are not known yet
LOOK = 0.1  # seconds between two checks of the two files, which are cheap


class Following:
    """A thread that keeps `models` in line with `deployments`; a separate process asks the registry.

    Args:
        root: The project's root.
        deployments: The deployments.
        models: The models in memory.
    """

    def __init__(self, root: Path, deployments: Deployments, models: Models) -> None:
        self._root = root
        self._deployments = deployments
        self._models = models
        self._watcher: subprocess.Popen[bytes] | None = None
        self._seen: Any = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="following", daemon=True)

    @property
    def error(self) -> str | None:
        """The reason why the registry is not available; None if it is."""
        return watching.read(self._root).get("registry", {}).get("error")

    def start(self) -> None:
        """Deploy the live flywheels, start to watch, and return once each known model answers or has an error."""
        self._watch()
        self._deployments.start()
        self.apply()
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and not all(map(self.settled, self._deployments.all())):
            time.sleep(0.05)
            self.apply()
        self._thread.start()

    def close(self) -> None:
        """Stop following, and end the watcher."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._watcher:
            self._watcher.kill()
            self._watcher.wait()

    def apply(self) -> None:
        """Update the models from the deployments and the versions, if one of the two files has changed."""
        with self._lock:
            stamps = (watching.stamp(self._deployments.path), watching.stamp(self._root / watching.FILE))
            if stamps == self._seen:
                return
            found = watching.read(self._root)
            versions = found.get("versions", {})
            deployed = self._deployments.all()
            for deployment in deployed:
                self._follow_one(deployment, versions.get(deployment.wanted), found)
            for name in set(self._models.slots) - {deployment.name for deployment in deployed}:
                self._models.remove(name)
            self._seen = stamps

    def settled(self, deployment: Deployment) -> bool:
        """Return True if the wanted version answers, or its error is known."""
        found = watching.read(self._root)
        slot = self._models.slots.get(deployment.name)
        entry = found.get("versions", {}).get(deployment.wanted)
        if entry is None or slot is None:
            down = found.get("registry", {}).get("error") and deployment.wanted in found.get("asked", [])
            return bool(slot and (_pinned(slot, deployment) or down))
        current = slot.current and slot.current.digest
        return bool(entry["error"]) or entry["digest"] in (current, slot.refused)

    def nothing(self) -> bool:
        """Return True if no model can answer yet: nothing is deployed, or no deployed flywheel has a version."""
        versions = watching.read(self._root).get("versions", {})
        return all(self._none_yet(versions.get(deployment.wanted)) for deployment in self._deployments.all())

    def wait(self, name: str, seconds: float = 60) -> str | None:
        """Wait until a changed deployment is settled; return its error, or None if it answers.

        Args:
            name: Name of the deployment.
            seconds: Maximum wait in seconds.
        """
        deadline = time.monotonic() + seconds
        deployment = self._deployments.get(name)
        self.apply()
        while not self.settled(deployment):
            if time.monotonic() > deadline:
                return f"The version could not be had within {seconds:.0f} seconds. {self.error or ''}".strip()
            time.sleep(0.05)
            self.apply()
        return self._models.slots[name].error

    def _follow_one(self, deployment: Deployment, entry: dict[str, Any] | None, found: dict[str, Any]) -> None:
        if (entry is None or entry["error"]) and (kept := self._kept(deployment)):
            self._models.set(deployment.name, kept)
        elif entry is None:
            self._unknown(deployment, found)
        elif entry["error"]:
            self._models.failed(deployment.name, entry["error"])
        else:
            folder = self._root / entry["folder"]
            version = str(entry["version"])
            self._models.set(deployment.name, Target(deployment.flywheel, version, folder, entry["digest"]))

    def _kept(self, deployment: Deployment) -> Target | None:
        """Return a pinned version that is in memory: a rollback to it must not depend on the registry."""
        target = Target(deployment.flywheel, str(deployment.version), self._root)
        return target if deployment.version and self._models.loaded(target) else None

    def _none_yet(self, entry: dict[str, Any] | None) -> bool:
        return entry["version"] is None if entry else not has_registry(self._root)

    def _unknown(self, deployment: Deployment, found: dict[str, Any]) -> None:
        """Record the registry's error for a version that the registry was not asked for yet."""
        if error := found.get("registry", {}).get("error"):
            self._models.failed(deployment.name, error)

    def _follow(self) -> None:
        while not self._stop.wait(LOOK):
            try:
                self._watch()
                self.apply()
            except Exception as error:  # no error may end the thread
                log.warning("Could not follow: %s", error)
                self._stop.wait(2)

    def _watch(self) -> None:
        """Start the watcher, or restart it if it ended; it ends with this process, as it reads from it."""
        if self._watcher and self._watcher.poll() is None:
            return
        if self._watcher:
            self._stop.wait(2)
        command = [sys.executable, "-m", "volant.service.deployments.watching"]
        self._watcher = subprocess.Popen(command, cwd=self._root, stdin=subprocess.PIPE)  # noqa: S603


def _pinned(slot: Slot, deployment: Deployment) -> bool:
    """Return True if the pinned version answers."""
    now = slot.current
    return now is not None and (now.flywheel, now.version) == (deployment.flywheel, str(deployment.version))
