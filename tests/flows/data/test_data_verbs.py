"""The verbs as a person types them; what DVC and S3 make of a dataset."""

import json
import secrets
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from support.lake import rows_csv, snapshot, written
from support.projects import free_port
from support.texts import reviews
from volant.cli import data  # noqa: F401  (its verbs)
from volant.cli.app import app
from volant.datasets import catalogue
from volant.datasets.ingest.ingest import ingest
from volant.workspace import s3_server

ROWS = [("a lovely film", "fresh"), ("a dull film", "rotten")]


@pytest.fixture
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project)
    monkeypatch.setenv("COLUMNS", "200")
    return project


def volant(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == code, done.output
    return done.output


def test_ingest_says_what_was_found_and_what_to_do_next(here: Path) -> None:
    rows_csv(here / "rows/a.csv", ROWS)
    said = volant("ingest", "mine", "rows/a.csv", "--split", "train", "--name", "first")
    assert "rows/a.csv: CSV\n2 rows read, 0 already known, 2 new" in said
    assert "first-" in said
    assert "volant iterate mine" in said
    again = volant("ingest", "mine", "rows/a.csv", "--split", "train")
    assert "2 already known, 0 new\nNothing new: the lake is unchanged." in again


def test_a_dry_run_counts_all_bad_rows_but_shows_ten(here: Path) -> None:
    rows_csv(here / "rows/a.csv", [*ROWS, *[("", "fresh")] * 14])
    before = snapshot(here)
    said = volant("ingest", "mine", "rows/a.csv", "--split", "train", "--dry-run")
    assert "empty text: 14" in said
    assert "line 13: empty" in said
    assert "line 14: empty" not in said
    assert "and 4 more" in said
    assert "would be refused: 14 bad rows" in said
    assert snapshot(here) == before


def test_errors_are_messages_with_exit_code_2(here: Path) -> None:
    rows_csv(here / "rows/a.csv", ROWS)
    assert "did you mean" in volant("ingest", "mien", "rows/a.csv", "--split", "train", code=2).lower()
    assert "Allowed: train, test" in volant("ingest", "mine", "rows/a.csv", "--split", "dev", code=2)
    assert "Did you mean 'a.csv'" in volant("ingest", "mine", "rows/b.csv", "--split", "train", code=2)
    assert "--reason" in volant("datasets", "remove", "mine", "x", "--reason", " ", code=2)


def test_datasets_are_listed_and_removed(here: Path) -> None:
    assert "No datasets yet" in volant("datasets", "mine")
    rows_csv(here / "rows/a.csv", ROWS)
    report = json.loads(volant("ingest", "mine", "rows/a.csv", "--split", "test", "--json"))
    assert (report["added"], report["labels"]) == (2, {"fresh": 1, "rotten": 1})
    name = report["dataset"]
    assert name in volant("datasets", "mine")
    volant("datasets", "remove", "mine", name, "--reason", "a [bold] try")
    assert "unused: a [bold] try" in volant("datasets", "mine")
    listed = json.loads(volant("datasets", "mine", "--json"))
    assert [(one["name"], one["unused"], one["versions"]) for one in listed] == [(name, "a [bold] try", None)]


def test_ingest_waits_for_a_stage_that_reads_the_lake(here: Path) -> None:
    stage = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    reader = {str(here / "data/mine/lake/train"): [{"pid": stage.pid, "cmd": "dvc repro"}]}
    (here / ".dvc/tmp").mkdir(exist_ok=True)
    (here / ".dvc/tmp/rwlock").write_text(json.dumps({"read": reader}))
    file = rows_csv(here / "rows/a.csv", ROWS)
    command = [sys.executable, "-m", "volant", "ingest", "mine", file, "--split", "train"]
    job = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert job.stderr
    assert "Waiting for DVC" in job.stderr.readline()
    time.sleep(0.7)
    assert catalogue.cards("mine") == []
    stage.kill()
    stage.wait()
    job.communicate(timeout=60)
    assert job.returncode == 0
    assert len(catalogue.cards("mine")) == 1


@pytest.mark.slow
def test_s3_in_and_out(here: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "s3/bucket/in").mkdir(parents=True)
    written(tmp_path / "s3/bucket/in/a.csv", reviews(20))
    (tmp_path / "s3/bucket/in/1.txt").write_text("a text in the bucket")
    meta = {"class-name": "fresh", "type": "groundtruth/text-classification"}
    refs = ["s3://bucket/in/1.txt", "1.txt"]
    lines = [json.dumps({"source-ref": ref, "mood": 0, "mood-metadata": meta}) for ref in refs]
    (tmp_path / "s3/bucket/in/out.manifest").write_text("\n".join(lines))
    keys = (secrets.token_hex(8), secrets.token_hex(16))
    port = free_port()
    address = s3_server.address(port)
    settings = {"ACCESS_KEY_ID": keys[0], "SECRET_ACCESS_KEY": keys[1], "ENDPOINT_URL": address}
    for name, value in (settings | {"DEFAULT_REGION": "us-east-1", "EC2_METADATA_DISABLED": "true"}).items():
        monkeypatch.setenv(f"AWS_{name}", value)
    with s3_server.server(tmp_path / "s3", port, keys):
        assert ingest("mine", ["s3://bucket/in/a.csv"], "train").added == 20
        report = ingest("mine", ["s3://bucket/in/out.manifest"], "test")
        assert (report.added, report.known) == (1, 1)
        remote = (
            f"[core]\n    remote = lake\n['remote \"lake\"']\n    url = s3://bucket/lake\n    endpointurl = {address}\n"
        )
        (here / ".dvc/config").write_text(remote)
        for verb in ("push", "pull"):
            subprocess.run([sys.executable, "-m", "dvc", verb, "-q"], check=True, timeout=120)
            if verb == "push":
                for card in catalogue.cards("mine"):
                    catalogue.rows_path(card).unlink()
                subprocess.run(["rm", "-r", ".dvc/cache"], check=True)
        assert [len(table) for side in ("train", "test") for _, table in catalogue.tables("mine", side)] == [20, 1]
