"""The paths of a project: the only module that names its folders.

`data/`, `models/` and `reports/` hold what stages make, a folder a flywheel; `.volant/` what this machine alone needs.
"""

import re
from pathlib import Path
from typing import Literal

from volant.errors import VolantError
from volant.workspace.files import write_text

Side = Literal["train", "test"]
SIDES: tuple[Side, ...] = ("train", "test")
# Rows belong to DVC; cards and .dvc files to git, which also keeps the folder by this file.
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
    """Return the folder of the rows that `prepare` wrote, a file a split."""
    return root / "data" / flywheel / "prepared"


def clean(flywheel: str, root: Path = Path()) -> Path:
    """Return the folder of the rows that `clean` wrote, a file a split."""
    return root / "data" / flywheel / "clean"


def lake(flywheel: str, root: Path = Path()) -> Path:
    """Return the folder of a flywheel's datasets, a folder a side; it may not be there."""
    return root / "data" / flywheel / "lake"


def bundle(flywheel: str, root: Path = Path()) -> Path:
    """Return the folder of the bundle that `train` wrote."""
    return root / "models" / flywheel


def reports(flywheel: str, root: Path = Path()) -> Path:
    """Return the folder of what the stages report."""
    return root / "reports" / flywheel


def home(flywheel: str, split: str, root: Path = Path()) -> Path:
    """The folder of a flywheel's datasets of one side, made with its `.gitignore` if it is missing.

    Raises:
        VolantError: If either can't name a folder.
    """
    if split not in SIDES:
        raise VolantError(f"--split {split} is not a valid side of the lake. Allowed: {', '.join(SIDES)}.")
    folder = lake(checked(flywheel, "flywheel"), root) / split
    if not (folder / ".gitignore").exists():
        write_text(IGNORED, folder / ".gitignore")
    return folder


def checked(name: str, what: str) -> str:
    """The name, if it can be part of a path.

    Raises:
        VolantError: If it has other signs than letters, digits, `.`, `_` and `-`, or doesn't begin as it must.
    """
    if not NAME.fullmatch(name):
        raise VolantError(
            f"'{name}' can't name a {what}. Allowed: letters, digits, '.', '_' and '-', the first a letter or digit."
        )
    return name
