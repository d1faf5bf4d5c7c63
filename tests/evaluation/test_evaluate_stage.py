import io
from pathlib import Path

import pyarrow as pa
import pytest
from rich.console import Console

from volant.errors import VolantError
from volant.evaluation import Report
from volant.evaluation.files import details
from volant.evaluation.speed import speed_metrics
from volant.results import DETAILS, show_results
from volant.stages import run_stage
from volant.stages.evaluate import main, served_rows


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
    assert "2.5 MB, int8: 1.5 ms a text" in text
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
