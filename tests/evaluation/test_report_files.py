import csv
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from volant.evaluation import Report
from volant.evaluation.files import details, metrics, write, write_csv

FILES = {
    "metrics.json",
    "details.json",
    "predictions.parquet",
    "report.md",
    "dvc.yaml",
    *(f"plots/{name}.csv" for name in ("confusion", "per_class", "roc", "pr", "calibration")),
    *(f"plots/{name}.png" for name in ("confusion", "per_class", "curves", "calibration")),
}


def hashes(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_same_predictions_give_the_same_bytes(
    report: Report, make: Callable[[str], Report], tmp_path: Path
) -> None:
    write(report, tmp_path / "a")
    write(make(report.task.kind.name), tmp_path / "b")
    assert set(hashes(tmp_path / "a")) == FILES
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")


def test_metrics_are_the_ten_figures_that_one_compares(report: Report) -> None:
    values = metrics(report)
    exact = {"classify": "accuracy", "multilabel": "subset_accuracy"}[report.task.kind.name]
    assert list(values) == [
        *("rows", "macro_f1", exact, "roc_auc", "weighted_f1"),
        *("macro_f1_low", "macro_f1_high", "lift", "ece", "log_loss"),
    ]
    assert values["macro_f1_low"] < values["macro_f1"] < values["macro_f1_high"]
    assert all(round(value, 4) == value for value in values.values())


def test_the_metric_of_the_flywheel_takes_the_place_of_the_last(report: Report) -> None:
    values = metrics(replace(report, task=replace(report.task, metric="micro_f1")))
    assert len(values) == 10
    assert list(values)[1] == "micro_f1"
    assert {"micro_f1_low", "micro_f1_high", "macro_f1", "roc_auc"} < set(values)
    assert "weighted_f1" not in values


def test_an_undefined_metric_and_many_labels_add_nothing(report: Report) -> None:
    scores = {name: value for name, value in report.scores.items() if name != "roc_auc"}
    values = metrics(replace(report, scores=scores, labels=report.labels * 4))
    assert set(values) == set(metrics(report)) - {"roc_auc"}


def test_what_metrics_leave_out_is_in_the_details(report: Report) -> None:
    values = details(report)
    assert set(values["scores"]) == set(report.scores)
    assert set(values["baselines"]) == {"majority", "chance"}
    assert set(report.calibration) | {"ece_before", "ece"} < set(values["calibration"])
    assert {"f1", "precision", "recall"} < set(values["labels"][0])
    assert values["rows_left_out"] == report.left_out


def test_details_and_predictions_read_back(report: Report, tmp_path: Path) -> None:
    write(report, tmp_path)
    details = json.loads((tmp_path / "details.json").read_text(encoding="utf-8"))
    assert details["calibration"]["temperature"] == 2.0
    assert [row["label"] for row in details["labels"]] == ["calm", "glad", "sad"]
    assert pq.read_table(tmp_path / "predictions.parquet").to_pylist() == report.predictions.to_pylist()
    with (tmp_path / "plots/confusion.csv").open(encoding="utf-8") as lines:
        assert [(r["actual"], r["predicted"]) for r in csv.DictReader(lines)] == report.confusion


def test_the_report_to_read_holds_each_part_and_a_text_cannot_break_a_table(report: Report, tmp_path: Path) -> None:
    write(report, tmp_path)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    for title in (
        "# Evaluation",
        "## Per label",
        "## Calibration",
        "## By length in words",
        "## Worst errors",
    ):
        assert title in text
    for line in text.splitlines():
        if line.startswith("!["):
            assert (tmp_path / line.split("](")[1].rstrip(")")).exists()
    errors = text.split("## Worst errors")[1].strip().splitlines()[2:]
    assert len(errors) == 2 + 5
    assert all(line.replace("\\|", "").count("|") == 6 for line in errors)


def test_no_rows_give_a_header(tmp_path: Path) -> None:
    write_csv([], ("label", "fpr"), tmp_path / "roc.csv")
    assert (tmp_path / "roc.csv").read_text() == "label,fpr\n"


def test_nothing_wrong_is_said_plainly(report: Report, tmp_path: Path) -> None:
    write(replace(report, worst=[]), tmp_path)
    assert "None listed." in (tmp_path / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("mark", ["$x$", "_^", "a" * 200])
def test_labels_that_look_like_mathematics_can_be_drawn(mark: str, tmp_path: Path) -> None:
    from volant.evaluation.plots import confusion
    from volant.rendering.canvas import save

    save(confusion([(mark, "b")], [mark, "b"]), tmp_path / "c.png")
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
