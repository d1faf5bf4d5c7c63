"""Versions to register."""

import shutil
from pathlib import Path
from typing import Any

from volant.bundle.manifest import seal, verify
from volant.tracking.registry import Record

TREE: dict[str, Any] = {
    "kind": "classify",
    "description": "made up",
    "source": {},
    "cleaning": ["whitespace", "lower"],
    "model": {"_target_": "volant.models.linear.Linear", "family": "linear"},
    "metric": "macro_f1",
    "seed": 5,
}


def record(score: float = 0.8, **changes: Any) -> Record:
    details = {"scores": {"macro_f1": score, "accuracy": 0.9}, "intervals": {"macro_f1": [score - 0.05, score + 0.05]}}
    return Record(
        **{"config": TREE, "details": details, "speed": {}, "train": {}, "datasets": ["first-0a1b2c3d"], **changes}
    )


def another(first: Path, folder: Path, number: int) -> None:
    """A bundle as good as the first one, and another."""
    shutil.copytree(first, folder)
    manifest = verify(folder)
    kept = {name: value for name, value in manifest.items() if name not in ("schema", "files", "digest")}
    seal(folder, {**kept, "seed": number})
