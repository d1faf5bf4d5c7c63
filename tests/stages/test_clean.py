"""The stage: files in, files out, the same bytes each time."""

import json
from io import StringIO
from pathlib import Path

import pyarrow as pa
import pytest

from volant.stages.clean import SPLITS, clean, show
from volant.workspace.files import read_table, write_table
from volant.workspace.terminal import Console

STEPS = ["html", "urls", "whitespace", "drop_empty", "drop_leaks"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for split in SPLITS:
        rows = {"id": ["1", "2"], "text": [f"<b>{split}</b>", "same everywhere"], "label": ["x", "y"]}
        write_table(pa.table(rows), tmp_path / "data" / "f" / "prepared" / f"{split}.parquet")
    return tmp_path


def outputs(root: Path) -> dict[str, bytes]:
    files = [*(root / "data" / "f" / "clean").iterdir(), root / "reports" / "f" / "clean.json"]
    return {path.name: path.read_bytes() for path in files}


def test_writes_clean_splits_and_a_report_and_the_same_bytes_again(root: Path) -> None:
    report = clean("f", STEPS, root)
    first = outputs(root)
    assert set(first) == {"train.parquet", "validation.parquet", "test.parquet", "clean.json"}
    assert json.loads(first["clean.json"]) == report
    assert read_table(root / "data" / "f" / "clean" / "train.parquet")["text"].to_pylist() == ["train"]
    clean("f", STEPS, root)
    assert outputs(root) == first


def test_shows_each_step(root: Path) -> None:
    console = Console(file=StringIO(), width=120)
    show(clean("f", STEPS, root), console)
    text = console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    assert all(step in text for step in STEPS)


def test_a_missing_input_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="dvc repro"):
        clean("f", STEPS, tmp_path)
