"""A project in a folder of its own, driven by its commands."""

import csv
import json
import os
import random
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.projects import ENVIRONMENT, copy_project
from support.shared import once
from support.texts import opinions

MINE = """
defaults:
  - /source@source: ingested
  - /model@model: linear
  - _self_
kind: classify
description: made up
labels: [fresh, rotten]
split:
  test: 0.2
  validation: 0.1
evaluation:
  slices: []
cleaning: [whitespace, drop_empty]
metric: accuracy
gate:
  margin: 0.02
  max_label_drop: null
seed: ${seed}
"""


@dataclass(frozen=True)
class Project:
    """A project in a folder, and its `volant`."""

    root: Path

    def run(self, *command: str, code: int | None = 0) -> str:
        """What a command prints to its output; it must end with that exit code, if there is one."""
        done = subprocess.run(
            command, cwd=self.root, capture_output=True, text=True, check=False, env={**os.environ, **ENVIRONMENT}
        )
        assert code in (None, done.returncode), f"{done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def fail(self, *command: str) -> str:
        """What a command says on its error stream when it ends as the user's mistake."""
        done = subprocess.run(
            command, cwd=self.root, capture_output=True, text=True, check=False, env={**os.environ, **ENVIRONMENT}
        )
        assert done.returncode == 2, done.stdout + done.stderr
        return done.stderr.replace("\n", " ")

    def iterate(self, *options: str, code: int = 0) -> dict[str, Any]:
        """One turn of `mine`, as JSON."""
        printed = self.run("volant", "iterate", "mine", "--json", "--no-advice", *options, code=code)
        return json.loads(printed.splitlines()[-1])

    def csv(self, name: str, count: int, seed: int, shuffled: bool = False) -> str:
        """A file of opinions; shuffled ones have labels that say nothing."""
        rows = opinions(count, seed).select(["text", "label"]).to_pylist()
        if shuffled:
            labels = [row["label"] for row in rows]
            random.Random(seed).shuffle(labels)
            rows = [{**row, "label": label} for row, label in zip(rows, labels, strict=True)]
        with (self.root / name).open("w", newline="") as stream:
            writer = csv.DictWriter(stream, ["text", "label"])
            writer.writeheader()
            writer.writerows(rows)
        return name


def make_project(root: Path, tables: Path) -> Project:
    """A copy of the project with the flywheel `mine` alone, and an empty registry."""
    copy_project(root)
    shutil.copy(tables, root / "mlflow.db")
    (root / "conf/flywheel/mine.yaml").write_text(MINE)
    config = (root / "conf/config.yaml").read_text()
    (root / "conf/config.yaml").write_text(config.replace("flywheels.reviews: reviews", "flywheels.mine: mine"))
    project = Project(root)
    project.run("git", "init", "-q")
    project.run("volant", "params")
    return project


@pytest.fixture(scope="session")
def composed(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of these tests, before anything is done with it."""
    return once(tmp_path_factory, "flywheel", lambda folder: make_project(folder, tables))


@pytest.fixture
def project(composed: Path, tmp_path: Path) -> Project:
    """A copy of it for one test."""
    return Project(shutil.copytree(composed, tmp_path, dirs_exist_ok=True))
