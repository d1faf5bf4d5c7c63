"""The paths of a project."""

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


def home(flywheel: str, split: str, root: Path = Path()) -> Path:
    """The folder of a flywheel's datasets of one side, made with its `.gitignore` if it is missing.

    Raises:
        VolantError: If either can't name a folder.
    """
    if split not in SIDES:
        raise VolantError(f"--split {split} is not a valid side of the lake. Allowed: {', '.join(SIDES)}.")
    folder = root / "data" / checked(flywheel, "flywheel") / "lake" / split
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
