"""A packaged service: built from a version of the registry, served by its tag; and the client that asks a service."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support import clean_environment as clean
from support.serving import DULL, FILM, Server, serving, workers
from support.traces import receiving
from volant.errors import VolantError
from volant.service import package as packing
from volant.workspace import s3_server

VOLANT = [sys.executable, "-c", "from volant.cli import app, service; app()"]


def volant(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    told = {**os.environ, "COLUMNS": "120", "BENTOML_DO_NOT_TRACK": "True", **environment}
    return subprocess.run([*VOLANT, *arguments], cwd=cwd, env=told, capture_output=True, text=True, check=False)


def package(root: Path, *arguments: str, **store: str) -> dict[str, Any]:
    done = volant("package", "reviews", *arguments, "--json", cwd=root, **store)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def until(true: Callable[[], Any], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def clean_in(server: Server, folder: Path) -> bool:
    """Whether the processes that answer run in the clean environment."""
    return bool(workers(server)) and all((folder / f"{worker.pid}.pid").exists() for worker in workers(server))


@pytest.mark.slow
def test_a_package_serves_where_nothing_else_is_at_hand(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, project := tmp_path / "project")
    store = {"BENTOML_HOME": str(tmp_path / "store")}
    found = package(project, "--version", "2", **store)
    names = {line.split("==")[0] for line in found["packages"]}
    assert {"bentoml", "fastapi", "onnxruntime", "tokenizers"} <= names
    assert not names & set(packing.TRAINING)
    folder = Path(found["folder"])
    assert packing.check(folder) == []
    (folder / "env/docker/entrypoint.sh").parent.rename(folder / "env/gone")
    assert "it has no FROM" in packing.check(folder)
    (folder / "env/gone").rename(folder / "env/docker")
    assert not list(folder.rglob("*.pyc"))

    (empty := tmp_path / "empty").mkdir()
    home = folder / "src"  # a package keeps things beside itself
    asked = (folder / "env/python/requirements.txt").read_text().splitlines()
    assert {*packing.TRAINING, "gradio", "botocore", "configobj"} <= {*clean.missing(asked)}
    # a platform sets such a variable for whatever it runs
    told = {**store, **clean.environment(tmp_path / "site", asked), "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    with serving(empty, found["tag"], output=tmp_path / "said", **told) as server:
        assert clean_in(server, tmp_path / "site")
        answer = server.call("POST", "/predict", {"texts": [FILM, DULL]})[1]
        assert (answer["model"], answer["version"]) == ("reviews", "2")
        assert [row["label"] for row in answer["predictions"]] == ["fresh", "rotten"]
        assert server.model("reviews")["follow"] is None
        status, told = server.admin("POST", "/deployments", {"name": "x", "flywheel": "reviews"})
        assert (status, "packaged service" in told["error"]) == (409, True)
        good = {"id": answer["predictions"][0]["id"], "correct": True}
        until(lambda: server.call("POST", "/feedback", good)[0] == 200)
        [item] = server.admin("GET", "/feedback?flywheel=reviews")[1]
        assert (item["text"], item["version"]) == (FILM, "2")
        review = {"flywheel": "reviews", "ids": [item["id"]], "decision": "accept"}
        assert server.admin("POST", "/feedback/review", review)[0] == 200
        until(lambda: list((home / ".lake/groundtruth/reviews").rglob("*.jsonl")))
    captured = [line for file in (home / ".lake/captures/reviews").rglob("*.jsonl") for line in file.open()]
    assert len(captured) == 2
    said = (tmp_path / "said").read_text()
    assert "`volant package NAME --with otel`" in " ".join(said.split())


@pytest.mark.slow
def test_a_package_with_s3_and_tracing_keeps_what_the_project_asks_for(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, project := tmp_path / "project")
    (project / "bentofile.yaml").write_text(
        "service: volant.service:Volant\nname: mine\npython: {packages: [Orjson>=3, of-the-project==1.2]}\n"
    )
    store = {"BENTOML_HOME": str(tmp_path / "store")}
    found = package(project, "--with", "s3", "--with", "otel", **store)
    asked = (Path(found["folder"]) / "env/python/requirements.txt").read_text().splitlines()
    assert [line for line in asked if "orjson" in line.lower()] == ["Orjson>=3"]
    assert "of-the-project==1.2" in found["packages"]
    assert not {"boto3", "dvc_s3", "dvc"} - {*clean.missing(asked)}

    keys = (secrets.token_hex(8), secrets.token_hex(16))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "s3/bucket").mkdir(parents=True)
    (empty := tmp_path / "empty").mkdir()
    told = {
        **store,
        **clean.environment(tmp_path / "site", asked),
        "VOLANT_LAKE": "s3://bucket/lake",
        "AWS_ENDPOINT_URL": s3_server.address(port),
        "AWS_ACCESS_KEY_ID": keys[0],
        "AWS_SECRET_ACCESS_KEY": keys[1],
        "OTEL_EXPORTER_OTLP_ENDPOINT": "",
    }
    with s3_server.server(tmp_path / "s3", port, keys), receiving() as (address, posted):
        told["OTEL_EXPORTER_OTLP_ENDPOINT"] = address
        with serving(empty, found["tag"], **told) as server:
            assert clean_in(server, tmp_path / "site")
            assert server.call("POST", "/predict", {"texts": [FILM]})[0] == 200
        assert [path for path, _ in posted] != []
    assert len(list((tmp_path / "s3/bucket/lake/captures/reviews").rglob("*.jsonl"))) == 1
    assert not (Path(found["folder"]) / "src/.lake").exists()


def test_a_package_can_not_be_made_with_anything() -> None:
    with pytest.raises(VolantError, match=r"'otl'.* Did you mean 'otel'\? Allowed: ui, s3, otel, azure"):
        packing.pack({}, extras=["otl"])


def test_the_client_shows_what_the_service_predicts(server: Server, tmp_path: Path) -> None:
    told = ("--url", server.url, "--model", "reviews")
    done = volant("request", FILM, DULL, *told, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "fresh" in done.stdout
    assert "rotten" in done.stdout
    rows = "".join(f'{number},"{FILM if number % 2 else DULL}"\n' for number in range(250))
    (tmp_path / "texts.csv").write_text(f"id,review\n{rows}")
    done = volant("request", "--csv", "texts.csv", "--column", "review", "--json", *told, cwd=tmp_path)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["label"] for row in found] == ["rotten", "fresh"] * 125
    assert {(row["model"], row["version"]) for row in found} == {("reviews", "1")}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x", "--url", "http://127.0.0.1:9"], "No service responds at http://127.0.0.1:9/predict"),
        (["x", "--url", "ftp://a"], "--url ftp://a is not a valid address"),
        ([], "Nothing to send"),
        (["x", "--model", "revews"], "No model is deployed as 'revews'. Deployed: reviews, topics."),
    ],
)
def test_the_client_says_what_is_wrong(server: Server, tmp_path: Path, arguments: list[str], message: str) -> None:
    given = arguments if "--url" in arguments else [*arguments, "--url", server.url]
    done = volant("request", *given, cwd=tmp_path)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr
