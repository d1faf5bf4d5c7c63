"""The table of real small reports; and real DVC experiments of a toy flywheel in a git repository of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.sweeps import make_project, rows
from volant import config
from volant.config.compose import write_params
from volant.errors import VolantError
from volant.evaluation import Task, evaluate
from volant.evaluation.files import write, write_json
from volant.kinds import KINDS
from volant.kinds.record import Annotation
from volant.sweep.compare import compare, main, markdown, read
from volant.workspace.files import write_table

SPEED = {"size_bytes": 2_500_000, "latency_p50_ms": 1.234, "load_seconds": 0.1}
# of .dvc/config
SETTINGS = "[core]\n    analytics = false\n    autostage = true\n[hydra]\n    enabled = true\n"
DVC = """\
vars: [params.yaml]
stages:
  train:
    foreach: ${flywheels}
    do:
      cmd: python -m volant.stages.train ${key}
      deps:
        - data/${key}/clean/train.parquet
      params:
        - flywheels.${key}.model
      outs:
        - models/${key}
      metrics:
        - reports/${key}/train.json:
            cache: false
  evaluate:
    foreach: ${flywheels}
    do:
      cmd: python -m volant.stages.evaluate ${key}
      deps:
        - models/${key}
        - data/${key}/clean/test.parquet
      outs:
        - reports/${key}/details.json:
            cache: false
      metrics:
        - reports/${key}/metrics.json:
            cache: false
        - reports/${key}/speed.json:
            cache: false
"""


def report(folder: Path, labels: tuple[str, ...], wrong: int) -> Path:
    """A real report of 20 answers, the first `wrong` of them wrong."""
    table = rows(20, 1).set_column(2, "label", [[labels[k % len(labels)] for k in range(20)]])
    gold = KINDS["classify"].gold(table)
    said = [labels[(k + (k < wrong)) % len(labels)] for k in range(20)]
    sure = [{x: 0.8 if x == label else 0.2 / (len(labels) - 1) for x in labels} for label in said]
    predicted = [Annotation(label=label, scores=scores) for label, scores in zip(said, sure, strict=True)]
    task = Task(kind=KINDS["classify"], labels=labels, metric="accuracy", samples=100)
    write(evaluate(task, gold, table, predicted), folder)
    write_json(SPEED, folder / "speed.json")
    return folder


def cells(text: str, row: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {row} |")]
    return [cell.strip() for cell in line.split("|")[2:-1]]


def test_two_labels_have_the_columns_of_a_yes_or_no(tmp_path: Path) -> None:
    labels = ("negative", "positive")
    results = [
        read(report(tmp_path / model, labels, wrong), model, f"toy-{model}-1")
        for model, wrong in (("linear", 4), ("recurrent", 2))
    ]
    text = markdown("toy", results)
    names = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    assert names[2] == "validation accuracy"
    assert names[3:11] == ["accuracy", "F1−", "F1+", "precision−", "precision+", "ROC-AUC", "recall−", "recall+"]
    assert names[11:] == ["accuracy, interval", "size", "latency"]
    assert cells(text, "accuracy") == ["0.800", "0.900"]
    assert cells(text, "recall+") == ["0.800", "0.900"]
    assert cells(text, "size") == ["2.5 MB", "2.5 MB"]
    assert cells(text, "latency") == ["1.23 ms", "1.23 ms"]
    assert "− is `negative`, + is `positive`" in text
    assert "dvc exp apply toy-recurrent-1" in text


@pytest.mark.parametrize(("scores", "told"), [((0.9, 0.8), "Best on validation: **linear**"), ((0.9, None), "none is")])
def test_validation_chooses_and_test_scores_only_report(
    tmp_path: Path, scores: tuple[float | None, ...], told: str
) -> None:
    results = []
    for model, wrong, score in zip(("linear", "recurrent"), (4, 2), scores, strict=True):  # on test, recurrent is ahead
        folder = report(tmp_path / model, ("negative", "positive"), wrong)
        if score is not None:
            write_json({"val_accuracy": score}, folder / "train.json")
        results.append(read(folder, model, f"toy-{model}-1"))
    text = markdown("toy", results)
    assert told in text
    assert "To take one of them" not in text
    assert cells(text, "validation accuracy")[0] == "0.900"


def test_more_labels_have_the_means_over_them(tmp_path: Path) -> None:
    text = markdown("toy", [read(report(tmp_path, ("a", "b", "c"), 5), "linear", "toy-linear-1")])
    assert cells(text, "accuracy") == ["0.750"]
    assert {"macro\\_f1", "roc\\_auc", "size"} <= {
        line.split("|")[1].strip() for line in text.splitlines() if "|" in line
    }
    assert "F1−" not in text


def test_a_flywheel_must_be_live(tmp_path: Path) -> None:
    root = make_project(tmp_path / "project")
    write_params(root)
    with pytest.raises(VolantError, match="No live flywheel is called 'tweets'"):
        compare("tweets", root=root)
    with pytest.raises(VolantError, match=r"No model is called 'liner'.*Did you mean 'linear'"):
        compare("toy", ["liner"], root)
    with pytest.raises(VolantError, match="not a git and DVC project"):
        compare("toy", ["linear"], root)


def test_the_command_line_says_it_in_a_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        assert main(["toy"]) == 2
    assert "params.yaml does not exist" in capsys.readouterr().err


@pytest.fixture
def repository(tmp_path: Path, tables: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "GIT_", "DVC_"))]:
        monkeypatch.delenv(name)
    root = make_project(tmp_path / "project", tables)
    # a flywheel's own keys of one model must not stand in the way of another
    (root / "conf/model/strong.yaml").write_text("defaults: [linear, _self_]\nc: 50.0\n")
    test = rows(40, 3)
    write_table(test, root / "data/toy/clean/test.parquet")
    write_table(test, root / "data/toy/prepared/test.parquet")
    write_params(root)
    (root / "dvc.yaml").write_text(DVC)
    (root / ".gitignore").write_text("/data/\n/mlflow.db*\n/mlruns/\n/.cache/\n")
    identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
    for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(command, cwd=root, check=True, capture_output=True)
    (root / ".dvc/config").write_text(SETTINGS)
    for command in (["git", "add", "."], ["git", *identity, "commit", "-qm", "first"]):
        subprocess.run(command, cwd=root, check=True, capture_output=True)
    return root


@pytest.mark.slow
def test_models_are_experiments_and_the_workspace_ends_as_its_config_says(repository: Path) -> None:
    params = (repository / "params.yaml").read_text()
    text, failed = compare("toy", ["linear", "strong"], repository)
    assert failed == []
    assert text == (repository / "reports/toy/compare.md").read_text()
    assert [cell in text for cell in ("| linear | strong |", "dvc exp apply toy-strong-")] == [True, True]
    assert (repository / "params.yaml").read_text() == params
    listed = subprocess.run(
        [sys.executable, "-m", "dvc", "exp", "show", "--json"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    (baseline,) = [one for one in json.loads(listed.stdout) if one["rev"] != "workspace"]
    found = {one["revs"][0]["name"].rsplit("-", 1)[0]: one["revs"][0]["data"] for one in baseline["experiments"]}
    assert set(found) == {"toy-linear", "toy-strong"}
    models = {name: data["params"]["params.yaml"]["data"]["flywheels"]["toy"]["model"] for name, data in found.items()}
    assert (models["toy-linear"]["c"], models["toy-linear"]["max_iter"]) == (0.5, 500)
    assert (models["toy-strong"]["c"], models["toy-strong"]["max_iter"]) == (50.0, 1000)
    details = json.loads((repository / "reports/toy/details.json").read_text())
    assert f"{details['scores']['accuracy']:.3f}" == cells(text, "accuracy")[0]
    assert config.load(repository / "params.yaml").flywheels["toy"].model["c"] == 0.5
