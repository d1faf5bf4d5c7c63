"""Runs that stages note while an iteration lasts, and that it records."""

from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from volant import tracking
from volant.tracking import postponed
from volant.tracking.replay import postponing
from volant.workspace.paths import RUNS


def train(root: Path, bundle: str) -> None:
    """Log a training as the stage does."""
    with tracking.run("reviews", {"model": {"c": 2.0}}, {"bundle": bundle}, root=root) as run:
        run.log_metrics({"val_macro_f1": 0.5}, 1)
        run.log_metrics({"best_epoch": 1, "odd": float("nan")}, 2)
        run.log_file(root / "note.txt", "plots")


def evaluate(root: Path, bundle: str) -> None:
    """Log an evaluation as the stage does."""
    with tracking.resume("reviews", {"bundle": bundle}, root=root) as run:
        run.log_metrics({"test_macro_f1": 0.75})


def recorded(root: Path) -> list:
    """The runs that MLflow has, the oldest first."""
    client = MlflowClient(f"sqlite:///{root / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("reviews")
    return client.search_runs([experiment.experiment_id], order_by=["start_time ASC"]) if experiment else []


def test_the_runs_of_an_iteration_are_recorded_at_its_end(root: Path) -> None:
    (root / "note.txt").write_text("kept")
    with postponing(root):
        train(root, "b1")
        evaluate(root, "b1")
        assert recorded(root) == []
        assert len(list((root / RUNS).iterdir())) == 2
    (run,) = recorded(root)
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"val_macro_f1": 0.5, "best_epoch": 1, "test_macro_f1": 0.75}
    assert run.data.params == {"model.c": "2.0"}
    assert run.data.tags["bundle"] == "b1"
    files = root / ".lake" / "mlflow" / "reviews" / run.info.run_id / "artifacts"
    assert (files / "plots" / "note.txt").read_text() == "kept"
    assert list((root / RUNS).iterdir()) == []


def test_a_stage_that_fails_leaves_the_runs_before_it(root: Path) -> None:
    (root / "note.txt").write_text("kept")

    def fail() -> None:
        train(root, "b1")
        raise ValueError("evaluate failed")

    with pytest.raises(ValueError, match="failed"), postponing(root):
        fail()
    assert len(recorded(root)) == 1


def test_what_a_killed_iteration_noted_is_recorded_by_the_next(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "note.txt").write_text("kept")
    monkeypatch.setenv(postponed.FOLDER, str(root / RUNS))
    train(root, "b1")
    monkeypatch.delenv(postponed.FOLDER)
    with postponing(root):
        assert [run.data.tags["bundle"] for run in recorded(root)] == ["b1"]
    evaluate(root, "b1")
    (run,) = recorded(root)
    assert run.data.metrics["test_macro_f1"] == 0.75
