"""The layers of docs/architecture.md hold: each import, lazy or not, points down; no modules import each other."""

import re
from collections.abc import Sequence
from graphlib import TopologicalSorter

from support.modules import EDGES, SOURCE
from support.projects import ROOT

# From what one types to what everything stands on; a room may import those below it. docs/architecture.md draws them.
ROOMS = (
    *("cli", "flywheel", "sweep", "service", "stages", "monitor"),
    *("tracking", "evaluation", "models", "datasets", "bundle"),
    *("sources", "config", "cleaning", "rendering", "kinds", "workspace", "errors"),
)
# The same inside of the service, the largest room.
SERVICE = (
    *("app", "asgi", "parts", "ui", "jobs", "feedback", "api", "state", "deployments"),
    *("package", "capture", "access", "telemetry", "settings", "errors"),
)


def room(module: str, depth: int) -> str:
    parts = module.split(".")
    return parts[depth] if len(parts) > depth else ""


def upward(rooms: Sequence[str], depth: int) -> list[str]:
    """Imports of a room that stands above."""
    place = {name: k for k, name in enumerate(rooms)}
    return [
        f"{module} -> {target}"
        for module, targets in EDGES.items()
        for target in sorted(targets)
        if place.get(room(module, depth), -1) > place.get(room(target, depth), len(rooms))
    ]


def test_every_room_is_in_its_layer() -> None:
    there = {path.stem for path in (SOURCE / "volant").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert there - {"__init__", "__main__", "__pycache__"} == set(ROOMS)
    assert len(ROOMS) <= 19


def test_imports_point_down() -> None:
    assert upward(ROOMS, 1) == []
    service = {name: targets for name, targets in EDGES.items() if name.startswith("volant.service.")}
    assert {room(name, 2) for name in service} == set(SERVICE)
    assert [edge for edge in upward(SERVICE, 2) if edge.count("volant.service.") == 2] == []


def test_no_modules_import_each_other() -> None:
    TopologicalSorter(EDGES).prepare()  # names a cycle


def test_the_picture_shows_every_room() -> None:
    picture = (ROOT / "docs/architecture.md").read_text("utf-8")
    assert [name for name in ROOMS if name not in picture] == []


def test_one_module_names_the_folders_of_a_project() -> None:
    named = re.compile(r"""Path\("\.volant|root / "(data|models|reports|conf)"|Path\("(data|models|reports|conf)["/]""")
    found = [
        f"{path.relative_to(SOURCE)}: {line.strip()}"
        for path in sorted(SOURCE.rglob("*.py"))
        if path.name != "paths.py"
        for line in path.read_text("utf-8").splitlines()
        if named.search(line) and "Bundle.load(Path(" not in line and "Target(" not in line  # examples of a docstring
    ]
    assert found == []
