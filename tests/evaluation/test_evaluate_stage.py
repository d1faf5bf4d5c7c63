import io
import json
from pathlib import Path

import pyarrow as pa
import pytest

from support.texts import reviews
from support.tiny import TINY, flywheel
from volant.errors import VolantError
from volant.evaluation import Report
from volant.evaluation.files import details
from volant.evaluation.results import DETAILS, show_results
from volant.evaluation.rows import served_rows
from volant.evaluation.speed import speed_metrics
from volant.stages import run_stage
from volant.stages.evaluate import main, run
from volant.stages.train import train
from volant.workspace.files import write_table
from volant.workspace.terminal import Console


def test_the_kept_rows_get_their_text_back_as_it_came() -> None:
    prepared = pa.table({"id": ["a", "b", "c"], "text": ["<b>A</b>", "B", "C!"], "label": ["x", "y", "x"]})
    clean = pa.table({"id": ["c", "a"], "text": ["c", "a"], "label": ["x", "x"], "film": ["f", "g"]})
    assert served_rows(prepared, clean).to_pylist() == [
        {"id": "c", "text": "C!", "label": "x", "film": "f"},
        {"id": "a", "text": "<b>A</b>", "label": "x", "film": "g"},
    ]


def test_rows_of_two_runs_are_not_mixed() -> None:
    prepared = pa.table({"id": ["a"], "text": ["A"]})
    with pytest.raises(VolantError, match=r"1 of the clean test rows.*'z'.*dvc repro"):
        served_rows(prepared, pa.table({"id": ["a", "z"], "text": ["a", "z"]}))


def test_the_table_shows_each_metric_beside_its_baselines(report: Report) -> None:
    printed = io.StringIO()
    speed = speed_metrics(2_500_000, 0.1, [1.5, 1.5], 640.2)
    found = {"details": details(report), "speed": speed, "train": {"precision": "int8"}}
    show_results("moods", found, Console(file=printed, width=100))
    text = printed.getvalue()
    assert not [name for name in DETAILS if name in text], "reports have them, and the terminal stays short"
    for name, value in report.scores.items():
        if name in DETAILS:
            continue
        line = next(line for line in text.splitlines() if f" {name} " in line)
        low, high = report.intervals[name]
        assert f"{value:.3f}" in line
        assert f"{low:.3f} to {high:.3f}" in line
        assert f"{report.baselines['chance'][name]:.3f}" in line
    assert "2.5 MB, int8: 1.5 ms per text" in text
    assert "reports/moods/report.md" in text


def test_a_mistake_of_the_user_is_a_message_and_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["evaluate", "moods"])
    with pytest.raises(SystemExit) as stop:
        run_stage(main)
    assert stop.value.code == 2
    assert "params.yaml does not exist here" in capsys.readouterr().err


def test_test_rows_whose_labels_were_not_taught_are_counted(tmp_path: Path) -> None:
    wheel, data = flywheel("classify", TINY["linear"]), tmp_path / "data/moods/clean"
    for seed, split in enumerate(("train", "validation")):
        write_table(reviews(80, seed), data / f"{split}.parquet")
    train("moods", wheel, data, tmp_path / "models/moods", tmp_path / "work")
    rows = pa.table({"id": list("abc"), "text": ["the film was lovely", "the plot was dull", "fish"]})
    rows = rows.append_column("label", pa.array(["fresh", "rotten", "catering"]))
    for folder in (data, tmp_path / "data/moods/prepared"):
        write_table(rows, folder / "test.parquet")
    found, _ = run("moods", wheel, tmp_path)
    assert (found.predictions.num_rows, found.left_out) == (2, 1)
    reports = tmp_path / "reports/moods"
    assert json.loads((reports / "details.json").read_text())["rows_left_out"] == 1
    assert "**1 test rows were excluded from evaluation**" in (reports / "report.md").read_text()
