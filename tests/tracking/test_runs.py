"""Runs in real stores: SQLite in a folder, a real MLflow server, a dead one, S3 for the files."""

import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from mlflow.entities import Run as Recorded
from mlflow.tracking import MlflowClient

from support.projects import free_port
from volant import tracking
from volant.errors import VolantError
from volant.workspace import s3_server
from volant.workspace.provenance import git_commit

PARAMS = {"seed": 1, "model": {"learning_rate": 0.1, "layers": [1, 2]}}


def client(root: Path) -> MlflowClient:
    return MlflowClient(f"sqlite:///{root / 'mlflow.db'}")


def runs(root: Path, flywheel: str = "reviews") -> list[Recorded]:
    """All runs of the project's own database, the newest first."""
    experiment = client(root).get_experiment_by_name(flywheel)
    return list(client(root).search_runs([experiment.experiment_id])) if experiment else []


def note(root: Path, text: str, name: str = "note.txt") -> Path:
    path = root.with_name("notes") / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_a_training_is_one_run_with_all_that_was_said(root: Path, tmp_path: Path) -> None:
    plot = tmp_path / "confusion.png"
    plot.write_bytes(b"\x89PNG")
    tags = {"config": "c1", "data.train": "d1", "bundle": "b1"}
    with tracking.run("reviews", PARAMS, tags, name="train", root=root) as run:
        for epoch in (1, 2, 3):
            run.log_metrics({"val_f1_weighted": 0.5 + epoch / 10, "train_loss": 1 / epoch}, epoch)
        run.log_metrics({"best_epoch": 3, "best_val_f1": 0.8})
        run.log_file(plot, "plots")
        run.log_file(tmp_path / "my project" / "mlflow.db")
        run.log_file(note(root, "kind: classify\n", "config.yaml"))
        run_id = run.id
    (recorded,) = runs(root)
    assert recorded.info.run_id == run_id
    assert (recorded.info.status, recorded.info.run_name) == ("FINISHED", "train")
    assert recorded.data.params == {"seed": "1", "model.learning_rate": "0.1", "model.layers": "[1, 2]"}
    assert recorded.data.metrics == {
        "best_epoch": 3,
        "best_val_f1": 0.8,
        "train_loss": 1 / 3,
        "val_f1_weighted": 0.8,
    }
    tags = recorded.data.tags
    assert (tags["config"], tags["data.train"], tags["bundle"]) == ("c1", "d1", "b1")
    assert tags["git_commit"] == "none"
    curve = client(root).get_metric_history(recorded.info.run_id, "val_f1_weighted")
    assert [(point.step, point.value) for point in curve] == [(1, 0.6), (2, 0.7), (3, 0.8)]
    files = root / ".lake" / "mlflow" / "reviews" / recorded.info.run_id / "artifacts"
    assert (files / "plots" / "confusion.png").read_bytes() == b"\x89PNG"
    assert (files / "config.yaml").read_text() == "kind: classify\n"


def test_the_environment_is_as_it_was(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    before = dict(os.environ)
    with tracking.run("reviews", {}, {}, root=root):
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
        assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert dict(os.environ) == before


def test_import_is_light() -> None:
    code = "import volant.tracking, sys; print([m for m in ('mlflow', 'dvc', 'botocore') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_evaluation_finds_the_training_by_its_bundle(root: Path) -> None:
    for bundle in ("b1", "b2"):
        with tracking.run("reviews", {}, {"bundle": bundle}, root=root):
            pass
    ended = runs(root)[1].info.end_time
    with tracking.resume("reviews", {"bundle": "b1"}, root=root) as run:
        run.log_metrics({"test_macro_f1": 0.75})
    newest, first = runs(root)
    assert first.data.metrics == {"test_macro_f1": 0.75}
    assert newest.data.metrics == {}
    assert (first.info.status, first.info.end_time) == ("FINISHED", ended)
    for flywheel, bundle in (("reviews", "b3"), ("other", "b1")):
        with tracking.resume(flywheel, {"bundle": bundle}, root=root) as run:
            assert run.id not in {first.info.run_id, newest.info.run_id, None}


def test_evaluation_of_a_bundle_trained_elsewhere_is_a_run_of_its_own(root: Path) -> None:
    with tracking.resume("reviews", {"bundle": "b9"}, name="evaluate", root=root) as run:
        run.log_metrics({"test_macro_f1": 0.5})
    (recorded,) = runs(root)
    assert (recorded.info.status, recorded.data.tags["bundle"]) == ("FINISHED", "b9")


def test_a_training_recorded_here_is_found_when_a_server_is_set_later(
    root: Path, tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tracking.run("reviews", {}, {"bundle": "b1"}, root=root):
        pass
    shutil.copy(tables, root / "other.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root / 'other.db'}")
    with tracking.resume("reviews", {"bundle": "b1"}, root=root) as run:
        run.log_metrics({"test_macro_f1": 0.75})
    (recorded,) = runs(root)
    assert recorded.data.metrics == {"test_macro_f1": 0.75}


@pytest.mark.slow
def test_the_pages_show_the_runs_and_their_files(root: Path) -> None:
    with tracking.run("reviews", {}, {}, root=root) as run:
        run.log_file(note(root, "kept"))
    port = free_port()
    pages = subprocess.Popen(
        [sys.executable, "-um", "volant.tracking", str(port)],
        # a shell that runs the tests in the background has Ctrl-C ignored, and children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        cwd=root,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert pages.stdout
        assert f"MLflow's UI: http://127.0.0.1:{port} (Ctrl-C ends it)\n" in iter(pages.stdout.readline, "")
        address = f"http://127.0.0.1:{port}/get-artifact?path=note.txt&run_uuid={run.id}"
        with urlopen(address, timeout=20) as answer:
            assert answer.read() == b"kept"
        with pytest.raises(VolantError, match=f"Port {port} can't be used"):
            tracking.ui(root, port)
    finally:
        pages.send_signal(signal.SIGINT)
        assert pages.wait(timeout=20) == 0
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=1)


def test_trials_are_nested(root: Path) -> None:
    with tracking.run("reviews", {}, {}, name="sweep", root=root) as sweep:
        with tracking.run("reviews", {}, {}, parent=sweep.id, root=root) as trial:
            trial.log_metrics({"val_f1": 0.5})
        sweep.log_metrics({"best_val_f1": 0.5})
    trial_run, sweep_run = runs(root)
    assert trial_run.data.tags["mlflow.parentRunId"] == sweep_run.info.run_id
    assert sweep_run.data.metrics == {"best_val_f1": 0.5}


@pytest.mark.parametrize(("raised", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_a_run_that_breaks_says_so(raised: type[BaseException], status: str, root: Path) -> None:
    with pytest.raises(raised), tracking.run("reviews", {}, {}, root=root):
        raise raised
    assert runs(root)[0].info.status == status


def test_what_mlflow_does_not_take_is_left_out_or_renamed(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    long = {f"p{i}": "x" * 9000 for i in range(150)}
    with tracking.run("reviews", long, {"data": "y" * 20000}, root=root) as run:
        bad = {"val_loss": float("nan"), "roc_auc": float("inf"), "per_class": [0.5]}
        run.log_metrics({**bad, "f1_r&b": 0.5})  # pyright: ignore[reportArgumentType]
        run.log_metrics({f"f1_label{i}": 0.5 for i in range(1200)})
    (recorded,) = runs(root)
    assert recorded.info.status == "FINISHED"
    assert recorded.data.metrics["f1_r_b"] == 0.5
    assert len(recorded.data.metrics) == 1201
    assert len(recorded.data.params) == 150
    assert "not finite, so not logged: val_loss, roc_auc, per_class" in caplog.text


def test_an_experiment_deleted_in_the_pages_comes_back(root: Path) -> None:
    with tracking.run("reviews", {}, {}, root=root):
        pass
    experiment = client(root).get_experiment_by_name("reviews")
    assert experiment
    client(root).delete_experiment(experiment.experiment_id)
    with tracking.run("reviews", {}, {"second": "yes"}, root=root):
        pass
    assert runs(root)[0].data.tags["second"] == "yes"


@pytest.mark.parametrize("uri", ["http://me:hush@127.0.0.1:{port}", "postgresql://me:hush@127.0.0.1:{port}/runs"])
def test_a_dead_server_costs_seconds_and_the_run_is_kept_here(
    uri: str, root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri.format(port=port))
    start = time.monotonic()
    with tracking.run("reviews", PARAMS, {"bundle": "b1"}, root=root) as run:
        run.log_metrics({"best_val_f1": 0.5})
    with tracking.resume("reviews", {"bundle": "b1"}, root=root) as run:
        run.log_metrics({"test_macro_f1": 0.5})
    assert time.monotonic() - start < 20
    (recorded,) = runs(root)
    assert recorded.data.metrics == {"best_val_f1": 0.5, "test_macro_f1": 0.5}
    assert f"127.0.0.1:{port} can't be used" in caplog.text.replace("/runs", "")
    assert f"this run is recorded in sqlite:///{root}/mlflow.db" in caplog.text
    assert "(connection refused)." in caplog.text.lower().replace("[errno 111] ", "")
    assert "hush" not in caplog.text
    assert {record.name for record in caplog.records} == {"volant.tracking.runs", "volant.tracking.stores"}


def test_nothing_to_write_to_and_the_training_goes_on(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    (root / "mlflow.db").write_bytes(b"this is no database" * 100)
    with tracking.run("reviews", PARAMS, {}, root=root) as run:
        run.log_metrics({"best_val_f1": 0.5})
        run.log_file(note(root, "x"))
        assert run.id is None
    assert "this run is recorded nowhere" in caplog.text


def test_a_file_that_can_not_be_kept_costs_no_metric(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    with tracking.run("reviews", {}, {}, root=root) as run:
        run.log_file(root / "absent.png")
        run.log_metrics({"best_val_f1": 0.5})
    assert runs(root)[0].data.metrics == {"best_val_f1": 0.5}
    assert "could not store the file absent.png" in caplog.text


def point(root: Path, url: str, endpoint_url: str) -> None:
    (root / ".dvc").mkdir(exist_ok=True)
    (root / ".dvc" / "config").write_text(f"['remote \"lake\"']\n    url = {url}\n    endpointurl = {endpoint_url}\n")


@pytest.mark.slow
def test_files_follow_the_lake_to_s3_and_back(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def record(text: str) -> None:
        with tracking.run("reviews", {}, {}, root=root) as run:
            run.log_file(note(root, text))

    keys, buckets = (secrets.token_hex(8), secrets.token_hex(16)), tmp_path / "s3"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys[1])
    (buckets / "bucket").mkdir(parents=True)
    record("local")
    port = free_port()
    with s3_server.server(buckets, port, keys):
        point(root, "s3://bucket/team", s3_server.address(port))
        record("on s3")
    record("server down")
    assert "can't be reached" in caplog.text
    fallen, on_s3, local = (run.info for run in runs(root))
    assert (root / ".lake/mlflow/reviews" / local.run_id / "artifacts/note.txt").read_text() == "local"
    stored = buckets / "bucket/team/mlflow/reviews" / on_s3.run_id / "artifacts/note.txt"
    assert stored.read_text() == "on s3"
    assert (root / "mlruns/mlflow/reviews" / fallen.run_id / "artifacts/note.txt").read_text() == "server down"


@contextmanager
def mlflow_server(folder: Path, tables: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    folder.mkdir()
    shutil.copy(tables, folder / "server.db")
    port = free_port()
    options = [f"--backend-store-uri=sqlite:///{folder}/server.db", f"--artifacts-destination={folder}/files"]
    command = [sys.executable, "-m", "mlflow", "server", *options, f"--port={port}", "--workers=1"]
    with (folder / "log").open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out, start_new_session=True)
        try:
            wait_for(f"http://127.0.0.1:{port}/health", folder / "log")
            yield f"http://127.0.0.1:{port}", process
        finally:
            stop(process)


def wait_for(url: str, said: Path) -> None:
    for _ in range(480):
        try:
            urlopen(url, timeout=2).close()  # noqa: S310
        except OSError:
            time.sleep(0.25)
        else:
            return
    pytest.fail(said.read_text())


def stop(process: subprocess.Popen[bytes]) -> None:
    """The server and its worker: they are one session of their own."""
    if process.poll() is None:
        os.killpg(process.pid, 9)
        process.wait(timeout=20)


@pytest.mark.slow
def test_a_real_server_and_its_death_in_mid_run(
    root: Path,
    tmp_path: Path,
    tables: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with mlflow_server(tmp_path / "server", tables) as (uri, process):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        with tracking.run("reviews", PARAMS, {"bundle": "b1"}, root=root) as run:
            run.log_metrics({"best_val_f1": 0.5})
            run.log_file(note(root, "kept by the server"))
        with tracking.resume("reviews", {"bundle": "b1"}, root=root) as run:
            run.log_metrics({"test_macro_f1": 0.75})
        server = MlflowClient(uri)
        experiment = server.get_experiment_by_name("reviews")
        assert experiment
        (recorded,) = server.search_runs([experiment.experiment_id])
        assert recorded.data.metrics == {"best_val_f1": 0.5, "test_macro_f1": 0.75}
        assert len(list((tmp_path / "server" / "files").rglob("note.txt"))) == 1
        assert runs(root) == []
        assert caplog.records == []
        with tracking.run("reviews", PARAMS, {"bundle": "b2"}, root=root) as run:
            run.log_metrics({"val_f1": 0.4}, 1)
            run.log_file(note(root, "said before"))
            stop(process)
            start = time.monotonic()
            run.log_metrics({"val_f1": 0.6}, 2)
    assert time.monotonic() - start < 20
    (kept,) = runs(root)
    curve = client(root).get_metric_history(kept.info.run_id, "val_f1")
    assert [(point.step, point.value) for point in curve] == [(1, 0.4), (2, 0.6)]
    assert (kept.info.status, kept.data.params["seed"], kept.data.tags["bundle"]) == ("FINISHED", "1", "b2")
    assert (root / ".lake/mlflow/reviews" / kept.info.run_id / "artifacts/note.txt").read_text() == "said before"
    assert f"MLflow at {uri} failed" in caplog.text


@pytest.mark.slow
def test_a_server_that_never_answers_is_given_up(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{mute.getsockname()[1]}")
        start = time.monotonic()
        with tracking.run("reviews", {}, {}, root=root) as run:
            run.log_metrics({"best_val_f1": 0.5})
        assert time.monotonic() - start < 20
    assert runs(root)[0].data.metrics == {"best_val_f1": 0.5}
    assert "can't be used" in caplog.text


@pytest.mark.slow
def test_the_first_run_of_a_project_is_quiet(tmp_path: Path) -> None:
    """Making the tables logs a hundred lines where nobody stops it."""
    code = "from volant import tracking\nwith tracking.run('reviews', {}, {}) as r: r.log_metrics({'a': 1})"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("", "")
    assert len(runs(tmp_path)) == 1


@pytest.mark.slow
def test_first_runs_at_the_same_time_do_not_ruin_the_database(tmp_path: Path) -> None:
    code = "from volant import tracking\nwith tracking.run('reviews', {}, {}) as r: r.log_metrics({'a': 1})"
    command = [sys.executable, "-c", code]
    both = [subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    assert [first.communicate(timeout=120)[1] for first in both] == ["", ""]
    assert [run.data.metrics for run in runs(tmp_path)] == [{"a": 1}, {"a": 1}]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lake", "mlflow.db"]


def test_the_commit_says_whether_the_code_is_changed(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        command = ["git", *who, "-C", str(tmp_path), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert git_commit(tmp_path / "absent") == "none"
    git("init", "-q")
    assert git_commit(tmp_path) == "none"
    (tmp_path / "params.yaml").write_text("seed: 1\n")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "metrics.json").write_text("{}\n")
    git("add", "-A")
    git("commit", "-qm", "first")
    commit = git("rev-parse", "HEAD")
    assert git_commit(tmp_path) == commit
    (tmp_path / "reports" / "metrics.json").write_text('{"f1": 1}\n')
    (tmp_path / "untracked").write_text("")
    assert git_commit(tmp_path) == commit
    (tmp_path / "params.yaml").write_text("seed: 2\n")
    assert git_commit(tmp_path) == f"{commit}-dirty"


@pytest.mark.slow
def test_warnings_reach_a_person(root: Path) -> None:
    assert logging.getLogger("volant.tracking").getEffectiveLevel() <= logging.WARNING
    nan = "r.log_metrics({'a': float('nan')})"
    code = f"from volant import tracking\nwith tracking.run('reviews', {{}}, {{}}) as r: {nan}"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stderr == "MLflow: not finite, so not logged: a.\n"
