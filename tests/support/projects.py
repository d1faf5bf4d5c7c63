"""Copies of this project in folders of their own, with its commands; and ports for their servers."""

import os
import shutil
import socket
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = ("src", ".gitignore", "conf", "dvc.yaml", ".dvc/config", ".dvc/plots", ".dvcignore", "pyproject.toml")
ENVIRONMENT = {"PATH": sysconfig.get_path("scripts") + os.pathsep + os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}


def copy_project(root: Path) -> None:
    """Code, config and pipeline of this project, without anything that a run has made."""
    for part in PARTS:
        source, target = ROOT / part, root / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(source, target)


def free_port() -> int:
    """A port of this machine that nothing listens on now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
