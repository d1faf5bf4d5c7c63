"""A disk that takes no more: what was there stays, nothing half-written is left, and one line says why."""

import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.projects import ENVIRONMENT, ROOT
from support.texts import reviews
from volant.stages.clean import SPLITS
from volant.workspace.files import write_table


def limited(*command: str, cwd: Path, most: int) -> subprocess.CompletedProcess[str]:
    """Run a command whose files can't grow over `most` bytes: to it, a disk that is full."""
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=cwd,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
    )


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    for number, split in enumerate(SPLITS):
        rows = reviews(2000, number).rename_columns({"movie": "movie_name"})
        write_table(rows, tmp_path / f"data/reviews/prepared/{split}.parquet")
        write_table(reviews(2), tmp_path / f"data/reviews/clean/{split}.parquet")
    return tmp_path


def test_a_stage_says_so_and_leaves_its_outputs(project: Path) -> None:
    before = snapshot(project / "data")
    done = limited("volant.stages.clean", "reviews", cwd=project, most=20_000)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert "data/reviews/clean/train.parquet: File too large. Lift the limit" in done.stderr
    assert snapshot(project / "data") == before


def test_a_verb_says_so_and_leaves_the_config(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    rows = "".join(
        f"the film was {word} {n},{label}\n" for n in range(20) for word, label in (("ok", "a"), ("no", "b"))
    )
    (tmp_path / "mine.csv").write_text(f"text,label\n{rows}")
    before = snapshot(tmp_path / "conf")
    done = limited("volant", "new", "mine", "--data", "mine.csv", cwd=tmp_path, most=100)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert "conf/flywheel/mine.yaml: File too large." in done.stderr
    assert snapshot(tmp_path / "conf") == before
