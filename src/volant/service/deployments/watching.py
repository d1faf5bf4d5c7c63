"""Beside the service: a process that asks the registry which versions are wanted, and fetches them.

    python -m volant.service.deployments.watching

The service itself never imports MLflow, and never waits for a registry: this process writes what it found to
`.volant/service/versions.json`, which the workers read. It ends when the worker that started it does.
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
from volant.tracking.existing import registry
from volant.workspace.files import write_text
from volant.workspace.paths import SERVICE

if TYPE_CHECKING:
    from volant.tracking.registry import Registry

log = logging.getLogger("volant.service")
FILE = SERVICE / "versions.json"
LOCK = SERVICE / "watch.lock"
AGAIN = 30  # seconds after which what could not be fetched is tried again
POKE = 0.2  # seconds until a new deployment is seen


class Watcher:
    """Knows what was found last, so that a version is fetched once, and what failed is not tried all the time."""

    def __init__(self, root: Path) -> None:
        self._root, self._path = root, root / FILE
        self._failed: dict[str, float] = {}
        self.found: dict[str, Any] = read(root)

    def look(self, wanted: set[str]) -> None:
        """Ask for all that is wanted, and write it down if anything changed."""
        before = json.dumps(self.found, sort_keys=True)
        versions = {name: entry for name, entry in self.found.get("versions", {}).items() if name in wanted}
        error = None
        try:
            with registry(self._root) as opened:
                for name in sorted(wanted):
                    versions[name] = self._entry(opened, name, versions.get(name))
        except VolantError as problem:  # it is down: what is known goes on
            error = str(problem)
        except ModuleNotFoundError as problem:
            error = f"The registry needs '{problem.name}'. Get it with `pip install 'volant-nlp[train]'`."
        if error:
            versions |= {name: found for name in wanted - set(versions) if (found := self._fetched(name))}
        self.found = {"registry": {"error": error}, "asked": sorted(wanted), "versions": versions}
        if json.dumps(self.found, sort_keys=True) != before or not self._path.exists():
            write_text(json.dumps(self.found, indent=2) + "\n", self._path)

    def _entry(self, opened: "Registry", name: str, known: dict[str, Any] | None) -> dict[str, Any]:
        flywheel, _, given = name.rpartition("/")
        number: int | None = None
        try:
            number = opened.number(flywheel, given)
            if known and known["version"] == number and self._settled(name, known):
                return known
            version = opened.get(flywheel, number)
            folder = opened.fetch(flywheel, number)
        except VolantError as problem:
            self._failed[name] = time.monotonic()
            return {"version": number, "digest": None, "folder": None, "error": str(problem)}
        self._failed.pop(name, None)
        where = os.path.relpath(folder, self._root)
        return {"version": number, "digest": version.digest, "folder": where, "error": None}

    def _fetched(self, name: str) -> dict[str, Any] | None:
        """A pinned version that was fetched once needs no registry; what it says is asked again when it is there."""
        flywheel, _, given = name.rpartition("/")
        try:
            from volant.tracking.registry import FETCHED

            folder = FETCHED / flywheel / given
            digest = json.loads((self._root / folder / "manifest.json").read_text(encoding="utf-8"))["digest"]
        except (ImportError, OSError, ValueError, KeyError, TypeError):
            return None
        return {"version": int(given), "digest": digest, "folder": str(folder), "error": None, "unasked": True}

    def _settled(self, name: str, known: dict[str, Any]) -> bool:
        if known.get("unasked"):
            return False
        if known["error"]:
            return time.monotonic() - self._failed.get(name, -AGAIN) < AGAIN
        return (self._root / known["folder"]).is_dir()


def read(root: Path) -> dict[str, Any]:
    """What was found last: `registry.error`, what it was `asked` for; of each version number, digest, folder, error."""
    try:
        return json.loads((root / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def watch(root: Path, seconds: float) -> None:
    """Look every few seconds, and at once when the deployments change; one process at a time does."""
    import fcntl

    (root / SERVICE).mkdir(parents=True, exist_ok=True)
    deployments, watcher = Deployments(root), None
    with (root / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        while True:
            seen = stamp(deployments.path)
            try:
                wanted = {deployment.wanted for deployment in deployments.all()}
                watcher = watcher or Watcher(root)
                if wanted:
                    watcher.look(wanted)
            except Exception as error:  # a full disk, say: it must not end the watching
                log.warning("The registry could not be asked: %s", error)
            _wait(deployments.path, seen, seconds)


def _wait(path: Path, seen: tuple[int, int], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and stamp(path) == seen:
        time.sleep(min(POKE, seconds))


def end_with_parent() -> None:
    """Wait until the process that started this one is gone, and go too."""
    with contextlib.suppress(OSError):
        while os.read(sys.stdin.fileno(), 1024):
            pass
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt):
        watch(Path(), settings.load().follow_seconds)
