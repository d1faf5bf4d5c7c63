"""An environment that has what a package asks for and nothing else, made of the one that runs the tests."""

import json
from collections.abc import Iterable
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import volant

ALWAYS = ("pip", "setuptools")  # of every environment
SITE = """
import json, os, sys
from importlib.machinery import PathFinder
from pathlib import Path

here = Path(__file__).parent
missing = frozenset(json.loads((here / "missing.json").read_text()))
sys.path[:] = [path for path in sys.path if path != SOURCE]


class Clean(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name in missing or name.partition(".")[0] in missing:
            return None
        return super().find_spec(name, path, target)


def local(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        address = arguments[1] if event == "socket.connect" else arguments[0]
        host = address[0] if isinstance(address, tuple) else address
        host = host.decode() if isinstance(host, bytes) else host
        unix = event == "socket.connect" and not isinstance(address, tuple)
        if not unix and host not in (None, "", "localhost", "127.0.0.1", "0.0.0.0", "::1"):
            raise ConnectionRefusedError(f"not on this machine: {host}")


sys.meta_path[:] = [Clean if finder is PathFinder else finder for finder in sys.meta_path]
sys.addaudithook(local)
(here / f"{os.getpid()}.pid").touch()
"""


def environment(folder: Path, requirements: Iterable[str]) -> dict[str, str]:
    """Variables for a Python that finds only what these requirements bring, and reaches only this machine."""
    folder.mkdir()
    (folder / "missing.json").write_text(json.dumps(missing(requirements)))
    (folder / "sitecustomize.py").write_text(f"SOURCE = {str(Path(volant.__file__).parents[1])!r}\n{SITE}")
    return {"PYTHONPATH": str(folder)}


def missing(requirements: Iterable[str]) -> list[str]:
    """What can be imported here, and could not where only these requirements are installed."""
    there = brought([*requirements, *ALWAYS])
    found = metadata.packages_distributions()
    gone = {name for name, owners in found.items() if not there & {canonicalize_name(owner) for owner in owners}}
    if "opentelemetry-exporter-otlp-proto-http" not in there:
        gone.add("opentelemetry.exporter")  # its part of a folder that packages share
    return sorted(gone - {"volant"})


def brought(requirements: Iterable[str]) -> set[str]:
    """The names of all packages that pip would install."""
    found, todo = set[tuple[str, str]](), [Requirement(line) for line in requirements]
    while todo:
        asked = todo.pop()
        name = canonicalize_name(asked.name)
        for extra in {"", *asked.extras} - {known for one, known in found if one == name}:
            with suppress(metadata.PackageNotFoundError):
                lines = metadata.requires(name) or []
                found.add((name, extra))
                needs = map(Requirement, lines)
                todo += [need for need in needs if need.marker is None or need.marker.evaluate({"extra": extra})]
    return {name for name, _ in found}
