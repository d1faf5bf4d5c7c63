"""A toy flywheel to sweep over."""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa

from support.projects import ROOT
from volant.workspace.files import write_table

CONF = ROOT / "conf"
TOY = """\
# A toy.
defaults:
  - /source@source: files
  - /model@model: linear   # or recurrent, transformer
  - _self_

kind: classify
description: Toy
labels: [bad, good]
source:
  train: rows.csv
cleaning: [whitespace]
metric: accuracy   # as good as any
model:
  c: 0.5           # a comment that stays
  max_iter: 500

# another comment
evaluation:
  bootstrap_samples: 100
split: {}
seed: ${seed}
"""


def rows(count: int, seed: int) -> pa.Table:
    """Texts whose word says the label three times out of four."""
    rng = random.Random(seed)
    words = {"good": ["fine", "lovely", "great", "warm", "funny"], "bad": ["dull", "poor", "weak", "awful", "flat"]}
    labels = [("bad", "good")[k % 2] for k in range(count)]
    said = [label if rng.random() < 0.75 else rng.choice(["bad", "good"]) for label in labels]
    fill = ["the", "film", "plot", "actor", "scene", "and", "story", "was", "with", "very"]
    texts = [" ".join([*rng.sample(fill, 4), rng.choice(words[word])]) for word in said]
    ids = [f"{seed}-{k}" for k in range(count)]
    return pa.table({"id": ids, "text": texts, "label": labels})


def make_project(root: Path, tables: Path | None = None) -> Path:
    """A project whose one flywheel, `toy`, has clean rows; with an empty registry, or none yet."""
    shutil.copytree(CONF, root / "conf")
    if tables:
        shutil.copy(tables, root / "mlflow.db")
    (root / "conf" / "config.yaml").write_text("defaults:\n  - flywheel@flywheels.toy: toy\n  - _self_\nseed: 14\n")
    (root / "conf" / "flywheel" / "toy.yaml").write_text(TOY)
    write_table(rows(120, 1), root / "data/toy/clean/train.parquet")
    write_table(rows(60, 2), root / "data/toy/clean/validation.parquet")
    return root


def sweep(root: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`volant.sweep` of the toy to its end, with these variables besides."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "VOLANT_"))}
    command = [sys.executable, "-m", "volant.sweep", "-m", "flywheel=toy", "sweep=linear", *arguments]
    return subprocess.run(command, cwd=root, env=clean | environment, capture_output=True, text=True, check=False)
