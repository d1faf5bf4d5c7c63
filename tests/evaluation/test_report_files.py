import csv
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from volant.evaluation import Report
from volant.evaluation.files import metrics, write, write_csv

FILES = {
    "metrics.json",
    "details.json",
    "predictions.parquet",
    "report.md",
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


def test_metrics_are_few_flat_and_rounded(report: Report) -> None:
    values = metrics(report)
    assert list(values)[:2] == ["rows", report.task.kind.metrics[0]]
    assert values["macro_f1_low"] < values["macro_f1"] < values["macro_f1_high"]
    assert set(values["f1"]) == {"calm", "glad", "sad"}
    assert values["chance"]["macro_f1"] < values["macro_f1"]
    flat = [v for part in values.values() for v in (part.values() if isinstance(part, dict) else [part])]
    assert all(round(v, 4) == v for v in flat)


def test_many_labels_stay_out_of_metrics(report: Report) -> None:
    crowd = replace(report, labels=report.labels * 4)
    assert "f1" not in metrics(crowd)


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
