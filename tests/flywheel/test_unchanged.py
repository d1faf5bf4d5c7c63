"""Nothing new is said at once only where no file has changed since the whole check found nothing."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from volant.flywheel import iteration, unchanged
from volant.flywheel.dvc import News
from volant.flywheel.record import Iteration

LOCK = """
schema: '2.0'
stages:
  prepare@mine:
    cmd: python -m volant.stages.prepare mine
    deps: [{path: source}, {path: code/prepare.py}]
    outs: [{path: data/mine/prepared/train.parquet}]
  prepare@other:
    deps: [{path: elsewhere.csv}]
"""
FILES = ("conf/config.yaml", "params.yaml", "dvc.yaml", "source/a.csv", "code/prepare.py", "elsewhere.csv")
DATA = ("data/mine/lake/train/a.parquet", "data/mine/prepared/train.parquet", ".volant/iterations/mine.json")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name in (*FILES, *DATA):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("some text")
    (tmp_path / "dvc.lock").write_text(LOCK)
    return tmp_path


def test_the_same_files_have_the_same_mark(root: Path) -> None:
    assert unchanged.mark("mine", root) == unchanged.mark("mine", root) != unchanged.mark("other", root)
    (root / "elsewhere.csv").write_text("another flywheel's")
    (root / "reports.md").write_text("nobody reads it")
    before = unchanged.mark("mine", root)
    (root / "code/__pycache__").mkdir()
    (root / "code/__pycache__/prepare.pyc").write_text("compiled")
    assert unchanged.mark("mine", root) == before


def same_size(path: Path) -> None:
    before = path.stat()
    path.write_text(path.read_text()[::-1])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))


@pytest.mark.parametrize("change", [same_size, Path.unlink], ids=["changed", "removed"])
@pytest.mark.parametrize("name", [*(name for name in FILES if name != "elsewhere.csv"), *DATA])
def test_any_file_that_counts_changes_the_mark(name: str, change: Callable[[Path], None], root: Path) -> None:
    before = unchanged.mark("mine", root)
    change(root / name)
    assert unchanged.mark("mine", root) != before


@pytest.mark.parametrize("name", ["source/b.csv", "conf/flywheel/new.yaml", "data/mine/lake/test/b.json", "mlflow.db"])
def test_a_new_file_changes_the_mark(name: str, root: Path) -> None:
    before = unchanged.mark("mine", root)
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("new")
    assert unchanged.mark("mine", root) != before


def test_another_registry_changes_the_mark(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = unchanged.mark("mine", root)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert unchanged.mark("mine", root) != before


@pytest.mark.parametrize(
    "text", ["", "<<<<<<< HEAD", "stages: []", LOCK.replace("path: source", "path: s3://b/source")]
)
def test_what_cannot_be_seen_has_no_mark(text: str, root: Path) -> None:
    (root / "dvc.lock").write_text(text)
    assert unchanged.mark("mine", root) is None


def test_no_pipeline_yet_has_no_mark(root: Path) -> None:
    (root / "dvc.lock").unlink()
    assert unchanged.mark("mine", root) is None


def test_only_the_whole_check_says_that_nothing_is_new(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = []

    def look(name: str, _overrides: object, _root: Path) -> tuple[Iteration, None]:
        cases.append(case)
        return Iteration(name, case, News(), [], metric="accuracy"), None

    monkeypatch.setattr(iteration, "_look", look)
    monkeypatch.setattr(iteration.config, "load", lambda _path: None)
    monkeypatch.setattr(iteration.config, "flywheel", lambda _name, _config: Iteration("mine", "nothing", News(), []))
    case = "changed"
    assert iteration._check("mine", (), root)[0].case == "changed"
    case = "nothing"
    assert [iteration._check("mine", (), root)[0].case for _ in range(3)] == ["nothing"] * 3
    assert cases == ["changed", "nothing"]
    iteration._check("mine", ["seed=3"], root)
    iteration._check("mine", ["seed=3"], root)
    assert len(cases) == 3
    same_size(root / "source/a.csv")
    case = "changed"
    assert iteration._check("mine", (), root)[0].case == "changed"
    assert len(cases) == 4
