"""Synchronisation of the models in memory with the deployments and the watcher's results."""

import logging
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from volant.service.deployments import watcher
from volant.service.deployments.deployments import Deployment, Deployments, stamp
from volant.service.deployments.pool import ModelPool
from volant.service.deployments.slots import Slot, Target
from volant.tracking.stores import has_registry

log = logging.getLogger("volant.service")
PATIENCE = 60  # seconds that a start waits for versions without a result
INTERVAL = 0.1  # seconds between two checks of the two files, which are cheap


class Follower:
    """A thread that synchronises `models` with `deployments`; a separate process queries the registry.

    Args:
        root: The project's root.
        deployments: The deployments.
        models: The models in memory.
    """

    def __init__(self, root: Path, deployments: Deployments, models: ModelPool) -> None:
        self._root = root
        self._deployments = deployments
        self._models = models
        self._watcher: subprocess.Popen[bytes] | None = None
        self._stamps: tuple[tuple[int, int], tuple[int, int]] | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="follower", daemon=True)

    @property
    def error(self) -> str | None:
        """The reason why the registry is not available; None if it is."""
        return watcher.read(self._root).get("registry", {}).get("error")

    def start(self) -> None:
        """Deploy the live flywheels, start to watch, and return once each known model is ready or has an error."""
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
            stamps = (stamp(self._deployments.path), stamp(self._root / watcher.FILE))
            if stamps == self._stamps:
                return
            result = watcher.read(self._root)
            versions = result.get("versions", {})
            deployed = self._deployments.all()
            for deployment in deployed:
                self._apply_to(deployment, versions.get(deployment.target), result)
            for name in set(self._models.slots) - {deployment.name for deployment in deployed}:
                self._models.remove(name)
            self._stamps = stamps

    def settled(self, deployment: Deployment) -> bool:
        """Return True if the requested version is in use, or its error is known."""
        result = watcher.read(self._root)
        slot = self._models.slots.get(deployment.name)
        entry = result.get("versions", {}).get(deployment.target)
        if entry is None or slot is None:
            down = result.get("registry", {}).get("error") and deployment.target in result.get("asked", [])
            return bool(slot and (_has_pinned(slot, deployment) or down))
        current = slot.current and slot.current.digest
        return bool(entry["error"]) or entry["digest"] in (current, slot.refused)

    def is_empty(self) -> bool:
        """Return True if no model can be ready yet: nothing is deployed, or no deployed flywheel has a version."""
        versions = watcher.read(self._root).get("versions", {})
        return all(self._has_no_version(versions.get(deployment.target)) for deployment in self._deployments.all())

    def wait(self, name: str, seconds: float = 60) -> str | None:
        """Wait until a changed deployment is settled; return its error, or None if it is ready.

        Args:
            name: Name of the deployment.
            seconds: Maximum wait in seconds.
        """
        deadline = time.monotonic() + seconds
        deployment = self._deployments.get(name)
        self.apply()
        while not self.settled(deployment):
            if time.monotonic() > deadline:
                return f"The version was not available within {seconds:.0f} seconds. {self.error or ''}".strip()
            time.sleep(0.05)
            self.apply()
        return self._models.slots[name].error

    def _apply_to(self, deployment: Deployment, entry: dict[str, Any] | None, result: dict[str, Any]) -> None:
        if (entry is None or entry["error"]) and (target := self._target_in_memory(deployment)):
            self._models.set(deployment.name, target)
        elif entry is None:
            self._set_registry_error(deployment, result)
        elif entry["error"]:
            self._models.set_error(deployment.name, entry["error"])
        else:
            folder = self._root / entry["folder"]
            version = str(entry["version"])
            self._models.set(deployment.name, Target(deployment.flywheel, version, folder, entry["digest"]))

    def _target_in_memory(self, deployment: Deployment) -> Target | None:
        """Return a pinned version that is in memory: a rollback to it must not depend on the registry."""
        target = Target(deployment.flywheel, str(deployment.version), self._root)
        return target if deployment.version and self._models.has(target) else None

    def _has_no_version(self, entry: dict[str, Any] | None) -> bool:
        return entry["version"] is None if entry else not has_registry(self._root)

    def _set_registry_error(self, deployment: Deployment, result: dict[str, Any]) -> None:
        """Record the registry's error for a version that has no result yet."""
        if error := result.get("registry", {}).get("error"):
            self._models.set_error(deployment.name, error)

    def _follow(self) -> None:
        while not self._stop.wait(INTERVAL):
            try:
                self._watch()
                self.apply()
            except Exception as error:  # no error may end the thread
                log.warning("The deployments could not be synchronised: %s", error)
                self._stop.wait(2)

    def _watch(self) -> None:
        """Start the watcher, or restart it if it ended; it ends with this process, as it reads from it."""
        if self._watcher and self._watcher.poll() is None:
            return
        if self._watcher:
            self._stop.wait(2)
        command = [sys.executable, "-m", "volant.service.deployments.watcher"]
        self._watcher = subprocess.Popen(command, cwd=self._root, stdin=subprocess.PIPE)  # noqa: S603


def _has_pinned(slot: Slot, deployment: Deployment) -> bool:
    """Return True if the pinned version is in use."""
    current = slot.current
    if current is None:
        return False
    return (current.flywheel, current.version) == (deployment.flywheel, str(deployment.version))
