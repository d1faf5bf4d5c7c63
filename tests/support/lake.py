"""A small project with a lake, and files to ingest."""

import csv
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.projects import ROOT
from volant.config.compose import write_params
from volant.datasets import catalogue
from volant.datasets.catalogue import Card
from volant.workspace.files import sha256

MINE = """\
# Ours
defaults:
  - /source@source: ingested
  - /model@model: linear   # or another
  - _self_

kind: classify
description: made up
labels: [fresh, rotten]   # the two
split:
  test: 0.2
  group: null
evaluation: {}
cleaning: [whitespace]
metric: macro_f1
seed: ${seed}
"""
# what the project's own says of the lake
GITIGNORE = "/data/*/prepared/\n/data/*/clean/\n/.volant/\n/.lake/\n*.part\n/rows/\n"


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project, composed once."""
    root = tmp_path_factory.mktemp("template")
    for part in ("conf/source", "conf/model", ".dvc/config", ".dvcignore"):
        (root / part).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / part).is_dir() else shutil.copy)(ROOT / part, root / part)
    (root / "conf/flywheel").mkdir()
    (root / "conf/flywheel/mine.yaml").write_text(MINE)
    (root / "conf/config.yaml").write_text("defaults:\n  - flywheel@flywheels.mine: mine\n  - _self_\nseed: 1\n")
    (root / ".gitignore").write_text(GITIGNORE)
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    write_params(root)
    return root


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Path:
    root = tmp_path / "project"
    shutil.copytree(template, root)
    (root / "rows").mkdir()
    return root


def rows_csv(path: Path, rows: Sequence[Sequence[str]], header: Sequence[str] | None = ("text", "label")) -> str:
    """A CSV file; its path as a person types it."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([*([header] if header else []), *rows])
    return str(path)


def written(path: Path, table: pa.Table) -> str:
    """The texts and labels of rows as CSV."""
    return rows_csv(path, list(zip(table["text"].to_pylist(), table["label"].to_pylist(), strict=True)))


def put(root: Path, split: str, table: pa.Table, number: int, flywheel: str = "mine") -> Card:
    """A dataset in the lake, as ingest leaves it."""
    path = catalogue.home(flywheel, split, root) / "part.parquet"
    pq.write_table(table, path)
    digest = sha256(path)
    time = f"2026-01-01T00:00:{number:02}+00:00"
    side = "train" if split == "train" else "test"
    card = Card(f"d{number}-{digest[:8]}", flywheel, side, "made up", "made up", len(table), {}, time, number, digest)
    path.rename(catalogue.rows_path(card, root))
    catalogue.write(card, root)
    return card


def snapshot(root: Path) -> dict[str, bytes]:
    """Every file of the lake and of the config."""
    paths = [p for folder in ("data", "conf") for p in (root / folder).rglob("*")] + [root / "params.yaml"]
    return {str(path.relative_to(root)): path.read_bytes() for path in paths if path.is_file()}
