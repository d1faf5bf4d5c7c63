"""Provenance of results: the git commit, and digests of values."""

import hashlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# Outputs of a run are excluded: changed reports don't change the code that wrote them.
OUTPUTS = (":(top,exclude)reports", ":(top,exclude)dvc.lock", ":(top,exclude).dvc")


def git_commit(root: Path = Path()) -> str:
    """Return the commit of the project, with `-dirty` if tracked code or config differs; `none` outside git."""
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    if not commit:
        return "none"
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", ".", *OUTPUTS)
    return f"{commit}-dirty" if changed else commit


def digest(value: Any) -> str:
    """Return the sha256 of a value's canonical JSON, which doesn't depend on the order of keys.

    Example:
        >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
        True
    """
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return a config tree as dotted names and texts, the format of parameters in trackers.

    Example:
        >>> flatten({"seed": 1, "model": {"learning_rate": 0.1, "layers": [2, 3], "bf16": None}})
        {'seed': '1', 'model.learning_rate': '0.1', 'model.layers': '[2, 3]', 'model.bf16': 'null'}
    """
    return dict(_leaves(tree, prefix))


def _leaves(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value if isinstance(value, str) else json.dumps(value, default=str)


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:  # no git on this machine
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
