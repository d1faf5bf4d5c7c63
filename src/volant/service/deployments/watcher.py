"""The watcher: a process beside the service that queries the registry, and fetches the requested versions.

    python -m volant.service.deployments.watcher

The service itself never imports MLflow, and never waits for a registry: this process writes its results to
`.volant/service/versions.json`, which the workers read. It ends with the worker that started it.
"""

import contextlib
import json
import logging
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from volant.errors import VolantError
from volant.service import settings
from volant.service.deployments.deployments import Deployments, stamp
from volant.tracking import artifacts, existing
from volant.workspace.files import write_text
from volant.workspace.locks import exclusive
from volant.workspace.paths import SERVICE, VERSIONS

if TYPE_CHECKING:
    from volant.tracking.reader import Reader

log = logging.getLogger("volant.service")
FILE = SERVICE / "versions.json"
LOCK = SERVICE / "watch.lock"
RETRY_AFTER = 30  # seconds until a failed fetch is retried
POLL = 0.2  # seconds until a new deployment is noticed


class Watcher:
    """The state of the watcher: a version is fetched once, and a failed one is retried only after a pause.

    Args:
        root: The project's root.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / FILE
        self._failures: dict[str, float] = {}  # time of the last one, by version
        self.result: dict[str, Any] = read(root)

    def update(self, targets: set[str]) -> None:
        """Query the registry for all requested versions, and write the result if it changed."""
        before = json.dumps(self.result, sort_keys=True)
        versions = {name: entry for name, entry in self.result.get("versions", {}).items() if name in targets}
        error = None
        try:
            existing.require(self._root)
            with existing.reading(self._root) as opened:
                for name in sorted(targets):
                    versions[name] = self._entry(opened, name, versions.get(name))
        except VolantError as problem:  # the registry is down: the known versions stay
            error = str(problem)
        except ModuleNotFoundError as problem:
            error = f"The registry needs '{problem.name}'. Install it with `pip install 'volant-nlp[train]'`."
        if error:
            versions |= {name: entry for name in targets - set(versions) if (entry := self._local_entry(name))}
        self.result = {"registry": {"error": error}, "asked": sorted(targets), "versions": versions}
        if json.dumps(self.result, sort_keys=True) != before or not self._path.exists():
            write_text(json.dumps(self.result, indent=2) + "\n", self._path)

    def _entry(self, opened: "Reader", name: str, before: dict[str, Any] | None) -> dict[str, Any]:
        flywheel, _, selector = name.rpartition("/")
        number: int | None = None
        try:
            number = opened.number(flywheel, selector)
            if before and before["version"] == number and self._is_current(name, before):
                return before
            version = opened.get(flywheel, number)
            folder = self._folder(flywheel, number, version.digest)
        except VolantError as problem:
            self._failures[name] = time.monotonic()
            return {"version": number, "digest": None, "folder": None, "error": str(problem)}
        self._failures.pop(name, None)
        path = os.path.relpath(folder, self._root)
        return {"version": number, "digest": version.digest, "folder": path, "error": None}

    def _folder(self, flywheel: str, number: int, digest: str) -> Path:
        """Return the folder of a version; MLflow, which takes seconds to import, fetches only what is missing."""
        folder = self._root / VERSIONS / flywheel / str(number)
        try:
            artifacts.require(folder, digest)
        except VolantError:
            with existing.registry(self._root) as opened:
                return opened.fetch(flywheel, number)
        return folder

    def _local_entry(self, name: str) -> dict[str, Any] | None:
        """Return a pinned version that was fetched before, without the registry; it is checked later."""
        flywheel, _, number = name.rpartition("/")
        try:
            folder = VERSIONS / flywheel / number
            digest = json.loads((self._root / folder / "manifest.json").read_text(encoding="utf-8"))["digest"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return {"version": int(number), "digest": digest, "folder": str(folder), "error": None, "unasked": True}

    def _is_current(self, name: str, entry: dict[str, Any]) -> bool:
        if entry.get("unasked"):
            return False
        if entry["error"]:
            return time.monotonic() - self._failures.get(name, -RETRY_AFTER) < RETRY_AFTER
        return (self._root / entry["folder"]).is_dir()


def read(root: Path) -> dict[str, Any]:
    """Return the last result: `registry.error`, `asked`, and for each version its number, digest, folder and error."""
    try:
        return json.loads((root / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def watch(root: Path, seconds: float) -> None:
    """Update every few seconds, and at once when the deployments change; only one process at a time does so.

    Args:
        root: The project's root.
        seconds: Seconds between two updates.
    """
    (root / SERVICE).mkdir(parents=True, exist_ok=True)
    deployments = Deployments(root)
    watcher = None
    with exclusive(root / LOCK):
        while True:
            before = stamp(deployments.path)
            try:
                targets = {deployment.target for deployment in deployments.all()}
                watcher = watcher or Watcher(root)
                if targets:
                    watcher.update(targets)
            except Exception as error:  # no error, such as a full disk, may end the watcher
                log.warning("The registry could not be queried: %s", error)
            _wait(deployments.path, before, seconds)


def _wait(path: Path, before: tuple[int, int], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and stamp(path) == before:
        time.sleep(min(POLL, seconds))


def end_with_parent() -> None:
    """Wait until the process that started this one has ended, and exit."""
    with contextlib.suppress(OSError):
        while os.read(sys.stdin.fileno(), 1024):
            pass
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt):
        watch(Path(), settings.load().follow_seconds)
