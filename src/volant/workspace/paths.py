"""The paths of a project: the only module that names its folders.

`data/`, `models/` and `reports/` hold the outputs of stages, one folder per flywheel; `.volant/` holds local state.
"""

import re
from pathlib import Path
from typing import Literal

from volant.errors import VolantError
from volant.workspace.files import write_text

Side = Literal["train", "test"]
SIDES: tuple[Side, ...] = ("train", "test")
# DVC tracks the rows; git tracks the cards, the .dvc files, and this file, which keeps the folder.
IGNORED = "/*.parquet\n"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


CONF = Path("conf")
STATE = Path(".volant")
LOCKS = STATE / "lock"
BATCH = STATE / "batch"
SERVICE = STATE / "service"
VERSIONS = STATE / "versions"
WEIGHTS = STATE / "weights"
ANSWERS = STATE / "answers"
RUNS = STATE / "runs"


def prepared(flywheel: str, root: Path = Path()) -> Path:
    """Return the folder of the rows that `prepare` writes, one file per split."""
    return root / "data" / flywheel / "prepared"


def clean(flywheel: str, root: Path = Path()) -> Path:
    """Return the folder of the rows that `clean` writes, one file per split."""
    return root / "data" / flywheel / "clean"


def lake(flywheel: str, root: Path = Path()) -> Path:
    """Return the folder of a flywheel's datasets, with one folder per side; it may not exist."""
    return root / "data" / flywheel / "lake"


def bundle(flywheel: str, root: Path = Path()) -> Path:
    """Return the folder of the bundle that `train` writes."""
    return root / "models" / flywheel


def reports(flywheel: str, root: Path = Path()) -> Path:
    """Return the folder of the stages' reports."""
    return root / "reports" / flywheel


def home(flywheel: str, split: str, root: Path = Path()) -> Path:
    """Return the folder of a flywheel's datasets of one side; create it, with its `.gitignore`, if it doesn't exist.

    Args:
        flywheel: Name of the flywheel.
        split: Side of the lake, `train` or `test`.
        root: The project's root.

    Raises:
        VolantError: If the side or the name is not valid.
    """
    if split not in SIDES:
        raise VolantError(f"--split {split} is not a valid side of the lake. Allowed: {', '.join(SIDES)}.")
    folder = lake(checked(flywheel, "flywheel"), root) / split
    if not (folder / ".gitignore").exists():
        write_text(IGNORED, folder / ".gitignore")
    return folder


def checked(name: str, what: str) -> str:
    """Return a name after checking that it can be part of a path.

    Args:
        name: The name.
        what: What it names, for the error message.

    Raises:
        VolantError: If it has characters other than letters, digits, `.`, `_` and `-`, or starts with punctuation.
    """
    if not NAME.fullmatch(name):
        raise VolantError(
            f"'{name}' can't name a {what}. Allowed: letters, digits, '.', '_' and '-', the first a letter or digit."
        )
    return name
