"""The recorded example of docs/flywheel.md: datasets are ingested, versions promoted, and a worse one rejected.

    VOLANT_MIRROR=... python bench/walk.py [--lake s3://BUCKET/PREFIX --endpoint-url URL]

It runs in a clone of this project in a temporary folder, on reviews of the IMDb set from the mirror (the official test
split for TEST). Every command is printed with its output, and must end with the expected exit code.
"""

import argparse
import csv
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from volant.sources.hub import mirrored
from volant.workspace.files import read_table

CONF = """# Film reviews, all from ingested datasets.
defaults:
  - /source@source: ingested
  - /model@model: linear
  - _self_

kind: classify
description: Film reviews from ingested datasets
labels: [negative, positive]
split:
  test: 0.2
  validation: 0.1
  group: null
  near_duplicates: 0.8
  train_subset_size: null
cleaning: [html, unicode, control, whitespace, drop_empty, drop_duplicates]
metric: accuracy
evaluation:
  slices: []
gate:
  min: {accuracy: 0.75}
  margin: 0.005
seed: ${seed}
"""
WALK = [
    ("ingest films half.csv --split train", 0),
    ("iterate films", 0),
    ("iterate films --no-advice", 0),
    ("ingest films test.csv --split test", 2),  # one of its texts is in IMDb's train split too
    ("ingest films test.csv --split test --skip-bad", 0),
    ("iterate films --no-advice", 0),
    ("ingest films other-half.csv --split train --skip-bad", 0),
    ("iterate films --no-advice", 0),
    ("ingest films noise.csv --split train --skip-bad", 0),
    ("iterate films --no-advice", 3),
    ("rollback films", 0),
    ("versions films", 0),
    ("history films", 0),
]


def files(folder: Path) -> None:
    """Write two halves of 4,000 rows, 5,000 test rows, and 2,000 other rows with shuffled labels."""
    mirror = mirrored("stanfordnlp/imdb")
    if mirror is None:
        sys.exit("This example needs the IMDb set. Set VOLANT_MIRROR to the folder that contains it.")
    train, test = (read_table(mirror / f"{side}.parquet", ["text", "label"]).to_pylist() for side in ("train", "test"))
    noise = train[4000:6000]
    labels = [row["label"] for row in noise]
    random.Random(13).shuffle(labels)  # noqa: S311
    noise = [{**row, "label": label} for row, label in zip(noise, labels, strict=True)]
    parts = {"half": train[:2000], "other-half": train[2000:4000], "test": test[:5000], "noise": noise}
    for name, rows in parts.items():
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, ["text", "label"])
            writer.writeheader()
            writer.writerows(rows)


def volant(project: Path, command: str, code: int) -> None:
    """Run one command, and print its exit code and duration.

    Args:
        project: Folder of the project.
        command: Arguments of `volant`.
        code: Expected exit code.
    """
    print(f"\n$ volant {command}", flush=True)
    start = time.perf_counter()
    environment = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    done = subprocess.run(["volant", *command.split()], cwd=project, env=environment, check=False)  # noqa: S603, S607
    print(f"[exit code {done.returncode}, {time.perf_counter() - start:.1f} s]", flush=True)
    if done.returncode != code:
        sys.exit(f"The exit code of `volant {command}` is {done.returncode}; expected {code}.")


def main() -> None:
    """Run all commands in a clone of the project."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lake", help="address of the lake; a folder of the clone by default")
    parser.add_argument("--endpoint-url", help="endpoint of an S3 server other than Amazon's")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="walk-") as temporary:
        project = Path(temporary) / "project"
        subprocess.run(["git", "clone", "-q", str(Path(__file__).parent.parent), str(project)], check=True)  # noqa: S603, S607
        (project / "conf/flywheel/films.yaml").write_text(CONF, encoding="utf-8")
        config = project / "conf/config.yaml"
        lines = config.read_text(encoding="utf-8").replace("flywheels.reviews: reviews", "flywheels.films: films")
        config.write_text(lines, encoding="utf-8")
        files(project)
        volant(project, "params", 0)
        if options.lake:
            endpoint = f" --endpoint-url {options.endpoint_url}" if options.endpoint_url else ""
            volant(project, f"lake {options.lake}{endpoint}", 0)
        for command, code in WALK:
            volant(project, command, code)


if __name__ == "__main__":
    main()
