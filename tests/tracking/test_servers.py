"""The registry behind a real MLflow server with its files on S3, and MLflow's own server of the active version."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from mlflow.tracking import MlflowClient

from support.projects import free_port
from support.versions import another, record
from volant.bundle.manifest import verify
from volant.errors import VolantError
from volant.tracking.registry import Registry, registry
from volant.workspace import s3_server


@contextmanager
def served(command: list[str], folder: Path, health: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server that answers, in a session of its own, which ends as a whole."""
    with (folder / "log").open("wb") as out:
        settings = {**os.environ, **environment}
        process = subprocess.Popen(command, cwd=folder, env=settings, stdout=out, stderr=out, start_new_session=True)
        try:
            wait_for(health, folder / "log", process)
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(timeout=20)


def wait_for(url: str, said: Path, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        try:
            urlopen(url, timeout=2).close()  # noqa: S310
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.2)
        else:
            return
    pytest.fail(said.read_text())


@pytest.mark.slow
def test_a_server_with_its_files_on_s3(
    root: Path, tables: Path, first_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys, folder, port = (secrets.token_hex(8), secrets.token_hex(16)), tmp_path / "server", free_port()
    (tmp_path / "s3" / "bucket").mkdir(parents=True)
    folder.mkdir()
    shutil.copy(tables, folder / "server.db")
    s3_port = free_port()
    place = ["--backend-store-uri=sqlite:///server.db", "--artifacts-destination=s3://bucket/mlflow"]
    command = [sys.executable, "-m", "mlflow", "server", *place, f"--port={port}", "--workers=1"]
    settings = {
        "AWS_ACCESS_KEY_ID": keys[0],
        "AWS_SECRET_ACCESS_KEY": keys[1],
        "MLFLOW_S3_ENDPOINT_URL": s3_server.address(s3_port),
    }
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    for number in (1, 2):
        another(first_bundle, tmp_path / str(number), number)
    with (
        s3_server.server(tmp_path / "s3", s3_port, keys),
        served(command, folder, f"http://127.0.0.1:{port}/health", **settings) as process,
    ):
        with registry(root) as opened:
            walk(opened, tmp_path)
            assert len(list((tmp_path / "s3/bucket/mlflow").rglob("artifacts/bundle/manifest.json"))) == 2
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=20)
        start = time.monotonic()
        with pytest.raises(VolantError, match=f"127.0.0.1:{port}.*Nothing is lost"), registry(root) as opened:
            opened.versions("reviews")
        assert time.monotonic() - start < 20
    assert (root / ".volant/versions/reviews/1/manifest.json").exists()
    local = MlflowClient(f"sqlite:///{root / 'mlflow.db'}")
    assert not local.search_registered_models()  # a version is in one place


def walk(opened: Registry, folder: Path) -> None:
    for number in (1, 2):
        opened.register("reviews", folder / str(number), record(0.7, datasets=[]), by="ann")
        opened.annotate("reviews", number, {"passed": True})
        opened.approve("reviews", number, note="fine", by="bob")
        opened.promote("reviews", number, by="carl")
    assert opened.record("reviews", 2) == record(0.7, datasets=[], gate={"passed": True})
    assert opened.rollback("reviews").number == 1
    assert verify(opened.fetch("reviews", 1)) == verify(folder / "1")
    assert [(v.number, v.aliases) for v in opened.versions("reviews")] == [(2, ()), (1, ("champion",))]
    assert [entry.seq for entry in opened.history("reviews")] == list(range(1, 8))
    assert opened.best("reviews", "macro_f1").value == 0.7


@pytest.mark.slow
def test_mlflow_serves_the_active_version(filled: Registry, root: Path) -> None:
    filled.approve("reviews", 2)
    filled.promote("reviews", 2)
    port = free_port()
    model = ["-m", "models:/reviews@champion", "--env-manager", "local", "-p", str(port)]
    command = [sys.executable, "-m", "mlflow", "models", "serve", *model]
    bin_first = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    uri = f"sqlite:///{root / 'mlflow.db'}"
    with served(command, root, f"http://127.0.0.1:{port}/ping", MLFLOW_TRACKING_URI=uri, PATH=bin_first):
        answers = ask(port, ["the film was superb and lovely", "a dull, awful film"])
    assert [answer["label"] for answer in answers] == ["fresh", "rotten"]
    assert set(answers[0]["scores"]) == {"fresh", "rotten"}


def ask(port: int, texts: list[str]) -> list[dict[str, Any]]:
    body, headers = json.dumps({"inputs": texts}).encode(), {"Content-Type": "application/json"}
    request = Request(f"http://127.0.0.1:{port}/invocations", body, headers)
    with urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.loads(answer.read())["predictions"]
