"""The live flywheels and the others, read from the YAML itself: composing takes seconds."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from rich.markup import escape

from volant.errors import VolantError
from volant.rendering.table import Column, Table
from volant.workspace.paths import CONF
from volant.workspace.terminal import Console

LIVE = re.compile(r"flywheel@flywheels\.([\w-]+)")


@dataclass(frozen=True, slots=True)
class Listed:
    """A flywheel as its conf file says it; `live`: it has a line in conf/config.yaml."""

    name: str
    live: bool
    kind: str
    model: str
    source: str
    description: str


def flywheels(root: Path = Path()) -> list[Listed]:
    """The live flywheels in their order, then those that one line would make live.

    A `VolantError` results if `root` is not a project, or a conf file is not YAML.
    """
    folder = root / CONF / "flywheel"
    live = live_flywheels(root)
    idle = sorted(path.stem for path in folder.glob("*.yaml") if path.stem not in live.values())
    listed = [_listed(name, folder / f"{stem}.yaml", True) for name, stem in live.items()]
    return listed + [_listed(stem, folder / f"{stem}.yaml", False) for stem in idle]


def live_flywheels(root: Path) -> dict[str, str]:
    """Name to conf file (without .yaml) of each flywheel in the defaults list of conf/config.yaml."""
    live = {}
    for entry in read_yaml(root / CONF / "config.yaml").get("defaults", []):
        for key, value in entry.items() if isinstance(entry, dict) else ():
            if found := LIVE.fullmatch(str(key)):
                live[found[1]] = str(value)
    return live


def read_yaml(path: Path) -> dict[str, Any]:
    """A conf file as a tree.

    Raises:
        VolantError: If it is missing or broken; names the line.
    """
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise VolantError(f"{path} does not exist. Run volant in the project's root.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise VolantError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    return tree if isinstance(tree, dict) else {}


def show_flywheels(listed: list[Listed], console: Console | None = None) -> None:
    """Print a table of flywheels."""
    facts = [Column("kind", drop=2), Column("model", drop=3), Column("source", drop=4)]
    description = Column("description", drop=1, wraps=True)
    table = Table("flywheel", "", *facts, description, box=None, pad_edge=False)
    for one in listed:
        state = "[green]live[/]" if one.live else "[dim]available[/]"
        told = map(escape, (one.kind, one.model, one.source, one.description))
        table.add_row(escape(one.name), state, *told)
    table.show(console or Console())


def _listed(name: str, path: Path, live: bool) -> Listed:
    tree = read_yaml(path)
    groups = {}
    for entry in tree.get("defaults", []):
        groups |= {str(key).rpartition("@")[2]: str(value) for key, value in _items(entry)}
    model = groups.get("model", "?")
    source = groups.get("source", "?")
    return Listed(name, live, str(tree.get("kind", "?")), model, source, str(tree.get("description", "")).strip())


def _items(entry: Any) -> list[tuple[Any, Any]]:
    return list(entry.items()) if isinstance(entry, dict) else []
