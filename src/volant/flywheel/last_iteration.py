"""The state after the last complete iteration, so that the next one knows whether anything is left to do."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from volant import config
from volant.bundle.manifest import MANIFEST
from volant.datasets import catalogue
from volant.tracking import stores
from volant.workspace import paths
from volant.workspace.files import sha256, write_text
from volant.workspace.paths import STATE
from volant.workspace.provenance import digest


def now(name: str, flywheel: config.Flywheel, root: Path = Path()) -> dict[str, Any] | None:
    """Return the state that an iteration would end with if nothing changed; None before the first one.

    Args:
        name: Name of the flywheel.
        flywheel: Config of the flywheel.
        root: Root of the project.
    """
    try:
        manifest = json.loads((paths.bundle(name, root) / MANIFEST).read_text(encoding="utf-8"))
        test = sha256(paths.clean(name, root) / "test.parquet")
    except FileNotFoundError:
        return None
    return {
        # hashed: an address may hold a password
        "registry": digest(stores.setting(root)),
        "bundle": manifest["digest"],
        "test": test,
        "gate": digest([asdict(flywheel.gate), flywheel.approval]),
        "datasets": catalogue.prepared(name, root),
    }


def read(name: str, root: Path = Path()) -> dict[str, Any] | None:
    """Return the state of the last complete iteration; None if there was none."""
    try:
        return json.loads(_path(name, root).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def write(name: str, state: dict[str, Any] | None, root: Path = Path()) -> None:
    """Store the state, as the last step of an iteration.

    Args:
        name: Name of the flywheel.
        state: State, as `now` returns it.
        root: Root of the project.
    """
    write_text(json.dumps(state), _path(name, root))


def _path(name: str, root: Path) -> Path:
    return root / STATE / "iterations" / f"{name}.json"
