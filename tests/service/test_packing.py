"""A packaged service: built from a version of the registry, served by its tag; and the client that asks a service."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.conftest import DULL, FILM, Server, serving
from volant.service import packing

VOLANT = [sys.executable, "-c", "from volant.cli import app, serving; app()"]


def volant(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    told = {**os.environ, "COLUMNS": "120", "BENTOML_DO_NOT_TRACK": "True", **environment}
    return subprocess.run([*VOLANT, *arguments], cwd=cwd, env=told, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_package_serves_without_the_registry(made: Path, tmp_path: Path) -> None:
    store = {"BENTOML_HOME": str(tmp_path / "store")}
    done = volant("package", "reviews", "--version", "2", "--json", cwd=made, **store)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
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
    with serving(empty, found["tag"], **store) as server:
        answer = server.call("POST", "/predict", {"texts": [FILM, DULL]})[1]
        assert (answer["model"], answer["version"]) == ("reviews", "2")
        assert [row["label"] for row in answer["predictions"]] == ["fresh", "rotten"]
        assert server.model("reviews")["follow"] is None
        status, told = server.admin("POST", "/deployments", {"name": "x", "flywheel": "reviews"})
        assert (status, "packaged service" in told["error"]) == (409, True)


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
        (["x", "--url", "http://127.0.0.1:9"], "No service answers at http://127.0.0.1:9/predict"),
        (["x", "--url", "ftp://a"], "--url ftp://a is no address"),
        ([], "Nothing to send"),
        (["x", "--model", "revews"], "No model is deployed as 'revews'. Deployed: reviews, topics."),
    ],
)
def test_the_client_says_what_is_wrong(server: Server, tmp_path: Path, arguments: list[str], message: str) -> None:
    given = arguments if "--url" in arguments else [*arguments, "--url", server.url]
    done = volant("request", *given, cwd=tmp_path)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr
