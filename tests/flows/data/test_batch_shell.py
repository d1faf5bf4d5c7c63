"""`volant batch` is the same as a batch job: limits, scores, S3, and the version that answers."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from support.collecting import lake_on
from support.jobs import lines
from support.versions import another, record
from volant.bundle.bundle import Bundle
from volant.cli import predict  # noqa: F401  (its verb)
from volant.cli.app import app as cli
from volant.tracking.registry import registry
from volant.workspace.lake import Lake
from volant.workspace.objects import Store
from volant.workspace.s3 import client as client_of


def batch(*command: str) -> Result:
    return CliRunner().invoke(cli, ["batch", *command])


@pytest.fixture
def project(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that has trained `mine`, and has no registry yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copytree(bundle.folder, tmp_path / "models/mine")
    (tmp_path / "a.csv").write_text('text\na lovely film\n"dull, and long"\n')
    return tmp_path


def test_the_limits_are_those_of_the_service(project: Path) -> None:
    (project / "service.yaml").write_text("limits: {characters_per_text: 13}\n")
    done = batch("mine", "a.csv", "--out", "b.jsonl", "--all-scores")
    assert done.exit_code == 0, done.output
    assert "models/mine, which is not a registered version" in done.stderr
    first, second = lines(project / "b.jsonl")
    assert set(first["scores"]) == {"fresh", "rotten"}
    assert second == {"line": 3, "error": "14 characters; limits.characters_per_text is 13"}
    (project / "service.yaml").write_text("limits: {characters: 13}\n")
    assert batch("mine", "a.csv", "--out", "b.jsonl").exit_code == 2


def test_from_s3_to_s3(s3: tuple[Path, str], project: Path) -> None:
    lake_on(project, "s3://bucket/team", s3[1])
    bucket = Store(Lake("s3://bucket", s3[1]))
    bucket.write("shell/a.csv", (project / "a.csv").read_text())
    place = "s3://bucket/shell/out/b.jsonl"
    done = batch("mine", "s3://bucket/shell/a.csv", "--out", place, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout.splitlines()[-1]) == {"rows": 2, "resumed": 0, "out": place}
    assert batch("mine", "a.csv", "--out", "b.jsonl").exit_code == 0
    assert bucket.read("shell/out/b.jsonl") == (project / "b.jsonl").read_text()
    assert list((project / ".volant/batch").iterdir()) == []
    # what cannot be sent is kept, and sent by the next run
    failed = batch("mine", "s3://bucket/shell/a.csv", "--out", "s3://not-yet-there/b.jsonl")
    assert failed.exit_code == 2
    assert "bucket 'not-yet-there'" in failed.output
    client: Any = client_of(s3[1])
    client.create_bucket(Bucket="not-yet-there")
    again = batch("mine", "s3://bucket/shell/a.csv", "--out", "s3://not-yet-there/b.jsonl", "--json")
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout.splitlines()[-1])["resumed"] == 2
    for wrong in ("s3://bucket/shell/gone.csv", "s3://bucket", "s3://bucket/shell/"):
        refused = batch("mine", wrong, "--out", "c.jsonl")
        assert refused.exit_code == 2, wrong
        assert wrong in refused.output or "gone.csv" in refused.output or "refused to read" in refused.output
    assert not (project / "c.jsonl").exists()


def test_the_champion_answers_where_there_is_one(bundle: Bundle, project: Path, tables: Path) -> None:
    shutil.copy(tables, project / "mlflow.db")
    another(bundle.folder, project / "two", 2)
    with registry(project) as opened:
        opened.register("mine", bundle.folder, record(), by="ann")
        opened.register("mine", project / "two", record(0.9), by="ann")
    none = batch("mine", "a.csv", "--out", "b.jsonl")
    assert "models/mine, which is not a registered version" in none.stderr
    with registry(project) as opened:
        opened.approve("mine", 2, by="bob")
        opened.promote("mine", 2)
    said = {}
    for name, *more in (("mine",), ("mine", "--version", "1"), ("models/mine",), ("two",)):
        done = batch(name, "a.csv", "--out", "b.jsonl", *more)
        assert done.exit_code == 0, done.output
        said[name, *more] = done.stderr.splitlines()[0], lines(project / "b.jsonl")[0].get("version")
    assert said == {
        ("mine",): ("Predictions by mine version 2, the champion.", "2"),
        ("mine", "--version", "1"): ("Predictions by mine version 1, as requested.", "1"),
        ("models/mine",): ("Predictions by the bundle in models/mine, which is not a registered version.", None),
        ("two",): ("Predictions by the bundle in two, which is not a registered version.", None),
    }


def test_a_registry_that_is_down_is_no_reason_to_answer_with_another(project: Path) -> None:
    (project / "mlflow.db").write_text("no database")
    done = batch("mine", "a.csv", "--out", "b.jsonl")
    assert done.exit_code == 2
    assert "models/mine" in done.output
    assert not (project / "b.jsonl").exists()
    assert batch("models/mine", "a.csv", "--out", "b.jsonl").exit_code == 0
