"""A short way to "nothing new": none of the files that the check looks at has changed since it found nothing.

Hydra and DVC take seconds to say the same. A file counts as unchanged as DVC's own cache of hashes has it: by inode,
size and time of change. Whatever else is seen here, the whole check decides.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

import volant
from volant import config
from volant.tracking import stores
from volant.workspace.files import write_text
from volant.workspace.paths import STATE, lake
from volant.workspace.provenance import digest

FILES = (config.CONF, config.PARAMS, "dvc.yaml", "dvc.lock", ".dvc/config", ".dvc/config.local")


def mark(name: str, root: Path = Path(), overrides: Sequence[str] = ()) -> str | None:
    """Return a digest of the state of all that a check of a flywheel looks at.

    None: it can't be seen from here, as the pipeline has not run yet or reads what is not a file.

    Args:
        name: Name of the flywheel.
        root: Root of the project.
        overrides: Overrides of the config, in Hydra's grammar.
    """
    paths = _pipeline_paths(name, root)
    if not paths or any("://" in path for path in paths):
        return None
    seen = [
        *FILES,
        str(lake(name)),
        str(STATE / "iterations" / f"{name}.json"),
        *paths,
        str(Path(volant.__file__).parent),
    ]
    files = {str(file): state for path in seen for file, state in _states(root / path)}
    return digest([files, stores.setting(root), list(overrides)])


def read(name: str, root: Path = Path()) -> str | None:
    """Return the mark of the last check that found nothing new; None if there was none."""
    path = _path(name, root)
    return path.read_text(encoding="utf-8") if path.exists() else None


def write(name: str, state: str, root: Path = Path()) -> None:
    """Keep the mark that was taken before a check which found nothing new.

    Args:
        name: Name of the flywheel.
        state: Mark, as `mark` returns it.
        root: Root of the project.
    """
    write_text(state, _path(name, root))


def _path(name: str, root: Path) -> Path:
    return root / STATE / "iterations" / f"{name}.unchanged"


def _pipeline_paths(name: str, root: Path) -> list[str]:
    """Return the paths that the stages of a flywheel read and wrote, by dvc.lock."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in Python takes as long as all else
    try:
        text = (root / "dvc.lock").read_text(encoding="utf-8")
        stages = yaml.load(text, loader)["stages"].items()  # noqa: S506  (both are safe)
        entries = [
            stage.get(part, ()) for key, stage in stages if key.endswith(f"@{name}") for part in ("deps", "outs")
        ]
        return [entry["path"] for listed in entries for entry in listed]
    except (FileNotFoundError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return []  # the whole check says what is wrong with it


def _states(path: Path) -> Iterator[tuple[Path, list[int] | None]]:
    """Yield a file, or every file in a folder, and its state: inode, size, time of change; None if it is missing."""
    if path.is_dir():
        for folder, folders, names in os.walk(path):
            folders[:] = [name for name in folders if name != "__pycache__"]
            for name in names:
                yield from _states(Path(folder, name))
        return
    try:
        state = path.stat()
    except FileNotFoundError:
        yield path, None
    else:
        yield path, [state.st_ino, state.st_size, state.st_mtime_ns]
