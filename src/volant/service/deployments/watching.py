"""The watcher: a process beside the service that asks the registry for the wanted versions, and fetches them.

    python -m volant.service.deployments.watching

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
from volant.workspace.paths import SERVICE, VERSIONS

if TYPE_CHECKING:
    from volant.tracking.reader import Reader

log = logging.getLogger("volant.service")
FILE = SERVICE / "versions.json"
LOCK = SERVICE / "watch.lock"
AGAIN = 30  # seconds until a failed fetch is retried
POKE = 0.2  # seconds until a new deployment is noticed


class Watcher:
    """The state of the watcher: a version is fetched once, and a failed one is retried only after a pause.

    Args:
        root: The project's root.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / FILE
        self._failed: dict[str, float] = {}
        self.found: dict[str, Any] = read(root)

    def look(self, wanted: set[str]) -> None:
        """Ask the registry for all wanted versions, and write the result if it changed."""
        before = json.dumps(self.found, sort_keys=True)
        versions = {name: entry for name, entry in self.found.get("versions", {}).items() if name in wanted}
        error = None
        try:
            existing.require(self._root)
            with existing.reading(self._root) as opened:
                for name in sorted(wanted):
                    versions[name] = self._entry(opened, name, versions.get(name))
        except VolantError as problem:  # the registry is down: the known versions stay
            error = str(problem)
        except ModuleNotFoundError as problem:
            error = f"The registry needs '{problem.name}'. Get it with `pip install 'volant-nlp[train]'`."
        if error:
            versions |= {name: found for name in wanted - set(versions) if (found := self._fetched(name))}
        self.found = {"registry": {"error": error}, "asked": sorted(wanted), "versions": versions}
        if json.dumps(self.found, sort_keys=True) != before or not self._path.exists():
            write_text(json.dumps(self.found, indent=2) + "\n", self._path)

    def _entry(self, opened: "Reader", name: str, known: dict[str, Any] | None) -> dict[str, Any]:
        flywheel, _, given = name.rpartition("/")
        number: int | None = None
        try:
            number = opened.number(flywheel, given)
            if known and known["version"] == number and self._settled(name, known):
                return known
            version = opened.get(flywheel, number)
            folder = self._folder(flywheel, number, version.digest)
        except VolantError as problem:
            self._failed[name] = time.monotonic()
            return {"version": number, "digest": None, "folder": None, "error": str(problem)}
        self._failed.pop(name, None)
        where = os.path.relpath(folder, self._root)
        return {"version": number, "digest": version.digest, "folder": where, "error": None}

    def _folder(self, flywheel: str, number: int, digest: str) -> Path:
        """Return the folder of a version; MLflow, which takes seconds to import, is only for what is not here yet."""
        folder = self._root / VERSIONS / flywheel / str(number)
        try:
            artifacts.require(folder, digest)
        except VolantError:
            with existing.registry(self._root) as opened:
                return opened.fetch(flywheel, number)
        return folder

    def _fetched(self, name: str) -> dict[str, Any] | None:
        """Return a pinned version that was fetched before, without the registry; it is checked later."""
        flywheel, _, given = name.rpartition("/")
        try:
            folder = VERSIONS / flywheel / given
            digest = json.loads((self._root / folder / "manifest.json").read_text(encoding="utf-8"))["digest"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return {"version": int(given), "digest": digest, "folder": str(folder), "error": None, "unasked": True}

    def _settled(self, name: str, known: dict[str, Any]) -> bool:
        if known.get("unasked"):
            return False
        if known["error"]:
            return time.monotonic() - self._failed.get(name, -AGAIN) < AGAIN
        return (self._root / known["folder"]).is_dir()


def read(root: Path) -> dict[str, Any]:
    """Return the last result: `registry.error`, `asked`, and for each version its number, digest, folder and error."""
    try:
        return json.loads((root / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def watch(root: Path, seconds: float) -> None:
    """Look every few seconds, and at once when the deployments change; only one process at a time does.

    Args:
        root: The project's root.
        seconds: Seconds between two looks.
    """
    import fcntl

    (root / SERVICE).mkdir(parents=True, exist_ok=True)
    deployments = Deployments(root)
    watcher = None
    with (root / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        while True:
            seen = stamp(deployments.path)
            try:
                wanted = {deployment.wanted for deployment in deployments.all()}
                watcher = watcher or Watcher(root)
                if wanted:
                    watcher.look(wanted)
            except Exception as error:  # no error, such as a full disk, may end the watcher
                log.warning("The registry could not be asked: %s", error)
            _wait(deployments.path, seen, seconds)


def _wait(path: Path, seen: tuple[int, int], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and stamp(path) == seen:
        time.sleep(min(POKE, seconds))


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
