"""Deployments: names, and the flywheel whose champion (or pinned version) predicts under each.

They are stored in one JSON file, which every worker of the service reads, and which survives a restart.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import yaml

from volant.errors import VolantError
from volant.service.errors import RefusedError
from volant.workspace.files import write_text
from volant.workspace.locks import exclusive
from volant.workspace.paths import SERVICE

FILE = SERVICE / "deployments.json"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Deployment:
    """One deployment.

    Attributes:
        name: Name that clients use.
        flywheel: Name of the flywheel.
        follow: `champion` to follow the champion; None if a version is pinned.
        version: Number of the pinned version.
    """

    name: str
    flywheel: str
    follow: Literal["champion"] | None = "champion"
    version: int | None = None

    @property
    def target(self) -> str:
        """The requested version, as a key of the watcher's results.

        Example:
            >>> Deployment("en", "reviews").target, Deployment("en", "reviews", None, 3).target
            ('reviews/champion', 'reviews/3')
        """
        return f"{self.flywheel}/{self.version or 'champion'}"


class Deployments:
    """The file of all deployments.

    Args:
        root: The project's root.
    """

    def __init__(self, root: Path = Path()) -> None:
        self._root = root
        self.path = root / FILE
        self._names: tuple[tuple[int, int], frozenset[str]] = ((0, 0), frozenset())  # and the stamp of the file

    def all(self) -> list[Deployment]:
        """Return all deployments, by name."""
        return [Deployment(name=name, **tree) for name, tree in sorted(self._read()["deployments"].items())]

    def has(self, name: str) -> bool:
        """Return True if a name is deployed; the file is read only if it has changed."""
        present = stamp(self.path)
        known_stamp, names = self._names
        if present != known_stamp:
            try:
                names = frozenset(self._read()["deployments"])
            except VolantError:  # reported by `Follower`
                return False
            self._names = (present, names)
        return name in names

    def get(self, name: str) -> Deployment:
        """Return a deployment by its name.

        Raises:
            RefusedError: 404 if there is none.
        """
        deployed = {deployment.name: deployment for deployment in self.all()}
        if name not in deployed:
            raise RefusedError(
                f"'{name[:100]}' is not deployed. Deployed: {', '.join(deployed) or 'nothing'}.",
                404,
            )
        return deployed[name]

    def start(self) -> None:
        """Deploy every live flywheel under its own name, once; removed or renamed deployments are not restored."""
        flywheels = live(self._root)
        with self._changing() as tree:
            for flywheel in flywheels:
                if flywheel not in tree["known"]:
                    tree["known"].append(flywheel)
                    tree["deployments"].setdefault(flywheel, _tree(Deployment(flywheel, flywheel)))

    def add(self, deployment: Deployment) -> None:
        """Add a deployment; a name that is taken is refused with 409, an invalid one with 422."""
        checked_name(deployment.name)
        checked_name(deployment.flywheel)
        with self._changing() as tree:
            _require_free(deployment.name, tree)
            tree["deployments"][deployment.name] = _tree(deployment)

    def change(self, name: str, to: str | None = None, **changes: Any) -> Deployment:
        """Rename a deployment, or change its version.

        A name that is not deployed is refused with 404, a new name that is taken with 409.

        Args:
            name: Name of the deployment.
            to: Its new name; None keeps it.
            changes: New values of the fields of `Deployment`.
        """
        with self._changing() as tree:
            if name not in tree["deployments"]:
                self.get(name)
            if to not in (None, name):
                _require_free(checked_name(to or ""), tree)
            changed = replace(Deployment(name=name, **tree["deployments"].pop(name)), name=to or name, **changes)
            tree["deployments"][changed.name] = _tree(changed)
        return changed

    def remove(self, name: str) -> None:
        """Remove a deployment; a name that is not deployed is refused with 404."""
        with self._changing() as tree:
            if tree["deployments"].pop(name, None) is None:
                self.get(name)

    def _read(self) -> dict[str, Any]:
        if not self.path.is_file():
            return {"deployments": {}, "known": []}
        try:
            tree = json.loads(self.path.read_text(encoding="utf-8"))
            for name, deployment in tree["deployments"].items():
                Deployment(name=name, **deployment)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise VolantError(f"{self.path} is corrupt ({error!r}). Fix or remove it.") from error
        return tree

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        """Yield the content of the file for a change, under a lock of all workers; write it unless the body raises."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(self.path.with_suffix(".lock")):
            tree = self._read()
            before = json.dumps(tree)
            yield tree
            if json.dumps(tree) != before or not self.path.exists():
                write_text(json.dumps(tree, indent=2, sort_keys=True) + "\n", self.path)


def live(root: Path = Path()) -> list[str]:
    """Return the names of the live flywheels, without building them: that may need packages for training."""
    params = root / "params.yaml"
    if not params.is_file():
        return []
    tree = yaml.safe_load(params.read_text(encoding="utf-8"))
    return sorted((tree or {}).get("flywheels", {}))


def stamp(path: Path) -> tuple[int, int]:
    """Return a value that changes with the file, which is always replaced as a whole."""
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return (status.st_ino, status.st_mtime_ns)


def checked_name(name: str) -> str:
    """Return a name after checking that it can be part of a URL and of a path.

    Raises:
        RefusedError: 422 if it is not a valid name.

    Example:
        >>> checked_name("reviews-en")
        'reviews-en'
    """
    if not NAME.fullmatch(name):
        allowed = "up to 100 letters, digits, '.', '_' and '-', a letter or digit first"
        raise RefusedError(f"'{name[:100]}' is not a valid name. Allowed: {allowed}.")
    return name


def _require_free(name: str, tree: dict[str, Any]) -> None:
    if name in tree["deployments"]:
        raise RefusedError(f"'{name}' is deployed already. Change or remove it, or choose another name.", 409)


def _tree(deployment: Deployment) -> dict[str, Any]:
    tree = {key: value for key, value in asdict(deployment).items() if key != "name" and value is not None}
    return tree | {"follow": deployment.follow}
