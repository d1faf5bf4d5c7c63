"""Batch jobs: real files, a real bundle, a real S3 server; killed and begun again."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner

from support.collecting import ADMIN, app, lake_on
from support.jobs import echo, ended, lines, written
from support.texts import reviews
from volant.bundle.batch import answering as jobs_answer
from volant.bundle.batch.answering import answer_all, answerer
from volant.bundle.batch.reading import documents
from volant.bundle.bundle import Bundle
from volant.cli import predict  # noqa: F401  (its verb)
from volant.cli.app import app as cli
from volant.errors import VolantError
from volant.service import settings
from volant.service.deployments.slots import Target
from volant.service.errors import RefusedError
from volant.service.jobs.api import jobs_of, router
from volant.service.jobs.job import Job, new
from volant.service.jobs.jobs import MOST_OF_ONE, Jobs, allowed
from volant.service.jobs.store import JobStore
from volant.service.state import State
from volant.service.telemetry.metrics import Metrics
from volant.workspace.lake import Lake
from volant.workspace.objects import Store

TEXTS = reviews(600, 7)["text"].to_pylist()


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    made = Jobs(echo, root=tmp_path)
    made.start()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("form", "text", "found"),
    [
        ("lines", "one\r\n\ntwo\u2028three", [(1, "one"), (2, ""), (3, "two\u2028three")]),
        ("lines", "\ufeffone\n", [(1, "one")]),
        ("csv", 'id,text\n1,"a\nb"\n\n2,c\n', [(2, "a\nb"), (5, "c")]),
        ("tsv", "text\tid\na, b\t1\n", [(2, "a, b")]),
        ("jsonl", '{"text": "a"}\n\n{"text": "b", "id": 1}', [(1, "a"), (3, "b")]),
        ("csv", "text\n", []),
    ],
)
def test_documents_and_their_lines(tmp_path: Path, form: Any, text: str, found: list[tuple[int, str]]) -> None:
    (tmp_path / "file").write_bytes(text.encode())
    assert list(documents(tmp_path / "file", form)) == found


@pytest.mark.parametrize(
    ("form", "data", "says"),
    [
        ("csv", b"id,txt\n1,a\n", "Did you mean 'txt'"),
        ("csv", b"", "The file is empty"),
        ("csv", b"id,text\n1,a\n2\n", "line 3: 1 cells"),
        ("csv", b'text\n"a\n', "line 2: broken CSV"),
        ("jsonl", b'{"text": "a"}\n{"text": ["b"]}\n', "line 2: 'text' holds a list"),
        ("jsonl", b"[" * 50, "line 1: broken JSON"),
        ("jsonl", b"[" * 100_000, "line 1: nested deeper than 100 levels"),
        ("jsonl", b'{"text": "a", "x": [' + b"[]," * 600_000 + b"0]}\n", "line 1: longer than 1,048,576"),
        ("csv", b",".join(b"n%d" % n for n in range(20_000)) + b"\n", "20,000 columns, at most 10,000"),
        ("lines", b"fine\n\xff\n", "line 2: byte 0xff"),
        (None, b'{"source-ref": "a.txt", "m": 1, "m-metadata": {"class-name": "x"}}\n', "not fetched here"),
        (None, b"PAR1" + b"x" * 50, "Parquet, which is not supported"),
    ],
)
def test_what_cannot_be_read_fails_with_its_line(jobs: Jobs, form: Any, data: bytes, says: str) -> None:
    job = jobs.submit(new("films", form, "text", "me"), lambda path: path.write_bytes(data))
    now = ended(jobs, job)
    assert now.state == "FAILED"
    assert says in (now.error or "")
    assert str(jobs.store.home) not in (now.error or "")


def test_answers_are_in_order_with_their_lines(jobs: Jobs) -> None:
    long = "x" * 20_001
    body = "".join(f"{number} text\n" for number in range(1000)) + long
    now = ended(jobs, jobs.submit(new("films", "lines", "text", "me"), written(body)))
    assert (now.state, now.done, now.total, now.percent) == ("COMPLETED", 1001, 1001, 100.0)
    rows = lines(jobs.store.result(now.id))
    assert [row["line"] for row in rows] == list(range(1, 1002))
    assert rows[41] == {"line": 42, "text": "41 text", "label": "4"}
    assert rows[-1] == {"line": 1001, "error": "20,001 characters; limits.characters_per_text is 20,000"}
    assert not jobs.store.input(now.id).exists()


def test_stopped_in_the_middle_and_in_the_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_answer, "CHECKPOINT", 0.0)
    reached = threading.Event()
    go_on = threading.Event()

    def slow(_: Job) -> Any:
        def answer(texts: Sequence[str]) -> list[dict[str, Any]]:
            reached.set()
            assert go_on.wait(10)
            return [{"label": "a"} for _ in texts]

        return answer

    jobs = Jobs(slow, root=tmp_path)
    jobs.start()
    body = written("a text\n" * 2000)
    first = jobs.submit(new("films", "lines", "text", "me"), body)
    second = jobs.submit(new("films", "lines", "text", "me"), body)
    assert reached.wait(10)
    assert jobs.store.get(first.id).state == "IN_PROGRESS"
    assert jobs.stop(second.id).state == "STOPPED"
    with pytest.raises(RefusedError, match="has not ended"):
        jobs.remove(first.id)
    jobs.stop(first.id)
    go_on.set()
    assert ended(jobs, first).state == ended(jobs, second).state == "STOPPED"
    assert jobs.store.get(first.id).done < 2000
    jobs.remove(first.id)
    jobs.close()
    assert [job.id for job in jobs.store.all()] == [second.id]


def test_a_model_that_fails_ends_its_job_only(tmp_path: Path) -> None:
    def answering(job: Job) -> Any:
        if job.model == "broken":
            raise ZeroDivisionError
        return echo(job)

    jobs = Jobs(answering, root=tmp_path)
    first = jobs.submit(new("broken", "lines", "text", "me"), written("a\n"))
    second = jobs.submit(new("films", "lines", "text", "me"), written("a\n"))
    jobs.start()
    assert (ended(jobs, first).state, ended(jobs, first).error) == ("FAILED", "Unexpected error: ZeroDivisionError")
    assert ended(jobs, second).state == "COMPLETED"
    jobs.close()


def test_a_model_that_is_not_loaded_yet_is_waited_for(tmp_path: Path) -> None:
    asked = []

    def answering(job: Job) -> Any:
        asked.append(job.id)
        if len(asked) < 3:
            raise RefusedError("Not yet.", 503)
        return echo(job)

    jobs = Jobs(answering, root=tmp_path)
    job = jobs.submit(new("films", "lines", "text", "me"), written("a\n"))
    jobs.start()
    assert ended(jobs, job).state == "COMPLETED"
    jobs.close()


def test_too_many_of_one_client(tmp_path: Path) -> None:
    jobs = Jobs(echo, root=tmp_path)
    for _ in range(MOST_OF_ONE):
        jobs.submit(new("films", "lines", "text", "me"), written("a"))
    with pytest.raises(RefusedError, match="per client") as refused:
        jobs.submit(new("films", "lines", "text", "me"), written("a"))
    assert (refused.value.status, refused.value.retry_after) == (429, 60)
    jobs.submit(new("films", "lines", "text", "you"), written("a"))


def test_who_comes_first_is_served_first(tmp_path: Path) -> None:
    store = JobStore(tmp_path)
    made = [store.create(new("films", "lines", "text", "me"), written("a")).id for _ in range(200)]
    assert [job.id for job in store.unended()] == made


def test_only_one_process_works(jobs: Jobs, tmp_path: Path) -> None:
    job = jobs.submit(new("films", "lines", "text", "me"), written("a\n"))
    ended(jobs, job)
    other = Jobs(lambda _: pytest.fail("it must not work"), root=tmp_path)
    other.start()
    third = other.submit(new("films", "lines", "text", "me"), written("b\n"))
    assert ended(other, third).state == "COMPLETED"
    other.close()


KILLED = """
import sys, time
from pathlib import Path
from volant.bundle.batch import answering as jobs_answer
from volant.service.jobs.jobs import Jobs
from volant.service.jobs.job import FINAL
jobs_answer.CHECKPOINT = 0.01
def answering(job):
    def answer(texts):
        time.sleep(0.02)
        return [{"label": text[:3]} for text in texts]
    return answer
jobs = Jobs(answering, root=Path(sys.argv[1]))
jobs.start()
while True:
    for job in jobs.store.all():
        print(job.state, job.done, flush=True)
    time.sleep(0.01)
"""


def test_kill_9_and_restart_gives_the_same_result(tmp_path: Path) -> None:
    body = "".join(f"{number} text\n" for number in range(20_000))
    job = JobStore(tmp_path).create(new("films", "lines", "text", "me"), written(body))
    seen = [0]
    for more in (1000, 4000):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout
        while seen[-1] < more:
            seen.append(int(process.stdout.readline().split()[1]))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert JobStore(tmp_path).get(job.id).done >= 4000
    with JobStore(tmp_path).result(job.id).open("a") as file:  # what was written and not yet acknowledged
        file.write('{"line": 99')
    jobs = Jobs(echo, root=tmp_path)
    jobs.start()
    assert ended(jobs, job).state == "COMPLETED"
    jobs.close()
    rows = lines(JobStore(tmp_path).result(job.id))
    assert [row["text"] for row in rows] == body.splitlines()
    assert rows[0]["label"] == "0 t"  # by the first process
    assert rows[-1]["label"] == "1"  # by the last


def test_a_closed_service_goes_on_where_it_was(tmp_path: Path) -> None:
    def slow(_: Job) -> Any:
        return lambda texts: time.sleep(0.05) or [{"label": "a"} for _ in texts]

    jobs = Jobs(slow, root=tmp_path)
    job = jobs.submit(new("films", "lines", "text", "me"), written("a\n" * 10_000))
    jobs.start()
    time.sleep(0.3)
    start = time.monotonic()
    jobs.close()
    assert time.monotonic() - start < 1
    assert jobs.store.get(job.id).state == "IN_PROGRESS"
    again = Jobs(echo, root=tmp_path)
    again.start()
    assert ended(again, job).state == "COMPLETED"
    again.close()
    assert len(lines(again.store.result(job.id))) == 10_000


def test_many_lines_need_no_more_memory_than_a_few(tmp_path: Path) -> None:
    (tmp_path / "many").write_text("a short text\n" * 40_000)  # as objects some 6 MB
    tracemalloc.start()
    found = documents(tmp_path / "many", "lines")
    answers = [{"label": "a"}] * jobs_answer.CHUNK
    work = answer_all(found, lambda texts: answers[: len(texts)], tmp_path / "result", 100)
    done = [at.done for at in work]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert done[-1] == 40_000
    assert peak < 1_500_000


@pytest.mark.parametrize(
    "uri",
    [
        "s3://bucket/other/a.csv",
        "s3://bucket/in2/a.csv",
        "s3://bucket/in/../other/a.csv",
        "file:///etc/passwd",
        "/etc/passwd",
        "s3://bucket/in//a",
        "s3://bucket/in/a\nb",
        "http://127.0.0.1/bucket/in/a.csv",
    ],
)
def test_addresses_that_are_not_allowed(jobs: Jobs, uri: str) -> None:
    with pytest.raises(RefusedError, match="not allowed"):
        allowed(uri, ["s3://bucket/in/"])
    with pytest.raises(RefusedError, match="not allowed"):
        jobs.submit(replace(new("films", "lines", "text", "me"), source=uri))
    assert not jobs.store.all()


def test_from_s3_to_s3(s3: tuple[Path, str], tmp_path: Path) -> None:
    _, endpoint = s3
    lake_on(tmp_path, "s3://bucket/team", endpoint)
    bucket = Store(Lake("s3://bucket", endpoint))
    bucket.write("in/a.csv", "text\nfine\ndull\n")
    bucket.write("in/large.csv", "text\n" + "fine\n" * 1000)
    config = settings.Settings(jobs=settings.Jobs(prefixes=["s3://bucket/in/", "s3://bucket/out"], upload_bytes=100))
    jobs = Jobs(echo, config, tmp_path)
    jobs.start()
    asked = [
        replace(new("films", "csv", "text", "me"), source="s3://bucket/in/a.csv", output="s3://bucket/out/"),
        replace(new("films", "csv", "text", "me"), source="s3://bucket/in/gone.csv"),
        replace(new("films", "csv", "text", "me"), source="s3://bucket/in/large.csv"),
    ]
    done = [ended(jobs, jobs.submit(job)) for job in asked]
    jobs.close()
    assert [job.state for job in done] == ["COMPLETED", "FAILED", "FAILED"]
    rows = [json.loads(line) for line in bucket.read(f"out/{done[0].id}.jsonl").splitlines()]
    assert [row["label"] for row in rows] == ["f", "d"]
    assert "gone.csv" in (done[1].error or "") or "refused to read" in (done[1].error or "")
    assert "more than 100 bytes" in (done[2].error or "")


def test_over_http(state: State, bundle: Bundle) -> None:
    jobs = jobs_of(state)
    made = app()
    made.include_router(router(state, jobs))
    client = TestClient(made, client=("192.0.2.1", 1))
    other = TestClient(made, client=("192.0.2.2", 1))
    jobs.start()
    body = "id,review\n" + "".join(f'{number},"{text}"\n' for number, text in enumerate(TEXTS))
    sent = client.post("/jobs", data={"column": "review"}, files={"file": ("../a.csv", body.encode())})
    assert sent.status_code == 201, sent.text
    identity = sent.json()["id"]
    assert ended(jobs, jobs.store.get(identity)).state == "COMPLETED"
    assert client.get(f"/jobs/{identity}").json()["percent"] == 100
    rows = [json.loads(line) for line in client.get(f"/jobs/{identity}/result").text.splitlines()]
    assert [row["text"] for row in rows] == TEXTS
    assert [row["label"] for row in rows] == [one.label for one in bundle.predict(TEXTS)]
    assert (rows[0]["line"], rows[0]["version"]) == (2, "3")
    # another client has no such job; an admin has
    assert other.get("/jobs").json() == []
    assert [other.get(f"/jobs/{identity}{end}").status_code for end in ("", "/result")] == [404, 404]
    assert other.post(f"/jobs/{identity}/stop").status_code == 404
    assert other.get(f"/jobs/{identity}", headers=ADMIN).status_code == 200
    assert [job["id"] for job in other.get("/jobs", headers=ADMIN).json()] == [identity]
    assert client.post(f"/jobs/{identity}/stop").json()["state"] == "COMPLETED"
    assert client.delete(f"/jobs/{identity}").status_code == 204
    assert client.get(f"/jobs/{identity}").status_code == 404
    jobs.close()


def test_over_http_from_s3_to_s3(s3: tuple[Path, str], bundle: Bundle, tmp_path: Path) -> None:
    lake_on(tmp_path, "s3://bucket/team", s3[1])
    (tmp_path / "service.yaml").write_text("jobs: {prefixes: ['s3://bucket/into/', 's3://bucket/outof/']}\n")
    bucket = Store(Lake("s3://bucket", s3[1]))
    bucket.write("into/a.jsonl", "".join(json.dumps({"review": text}) + "\n" for text in TEXTS))
    state = State(tmp_path, metrics=Metrics(CollectorRegistry()))
    assert state.models.set("films", Target("mine", "3", bundle.folder))
    jobs = jobs_of(state)
    made = app()
    made.include_router(router(state, jobs))
    client = TestClient(made)
    jobs.start()
    asked = {"uri": "s3://bucket/into/a.jsonl", "output": "s3://bucket/outof/x", "column": "review"}
    sent = client.post("/jobs", json=asked)
    assert sent.status_code == 201, sent.text
    identity = sent.json()["id"]
    assert ended(jobs, jobs.store.get(identity)).state == "COMPLETED"
    found = bucket.read(f"outof/x/{identity}.jsonl")
    assert found == client.get(f"/jobs/{identity}/result").text
    assert [json.loads(line)["text"] for line in found.splitlines()] == TEXTS
    assert [(job["id"], job["percent"], job["output"]) for job in client.get("/jobs").json()] == [
        (identity, 100, "s3://bucket/outof/x")
    ]
    jobs.close()
    state.close()


def test_http_refusals(state: State) -> None:
    jobs = jobs_of(state)
    made = app()
    made.include_router(router(state, jobs))
    client = TestClient(made)
    file = {"file": ("a.txt", b"a text\n")}
    asked = [
        (client.post("/jobs", json={"uri": "s3://elsewhere/a.csv"}), 422, "jobs.prefixes"),
        (client.post("/jobs", json={}), 422, "Send a `file`"),
        (client.post("/jobs", json={"uri": "s3://a/b", "modle": "films"}), 422, "modle"),
        (client.post("/jobs", content="a text"), 415, "multipart/form-data"),
        (client.post("/jobs", files=file, data={"format": "xlsx"}), 422, "format"),
        (client.post("/jobs", files=file, data={"model": "absent"}), 404, "Deployed: films"),
        (client.post("/jobs", content=b"--x", headers={"Content-Type": "multipart/form-data"}), 422, "form"),
        (client.get("/jobs/..%2f..%2fadmin-token"), 404, ""),
        (client.get("/jobs/" + "0" * 32), 404, "no such job"),
    ]
    assert [answer.status_code for answer, _, _ in asked] == [status for _, status, _ in asked]
    assert [says for answer, _, says in asked if says not in answer.text] == []
    identity = client.post("/jobs", files=file).json()["id"]
    assert client.get(f"/jobs/{identity}/result").status_code == 409
    assert client.post(f"/jobs/{identity}/stop").json()["state"] == "STOPPED"


def test_batch_from_the_shell(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"review": text}) + "\n" for text in TEXTS))
    command = ["batch", str(bundle.folder), "a.jsonl", "--out", "out/b.jsonl", "--column", "review", "--json"]
    done = CliRunner().invoke(cli, command)
    assert json.loads(done.stdout.splitlines()[-1]) == {"rows": 600, "resumed": 0, "out": "out/b.jsonl"}
    whole = (tmp_path / "out/b.jsonl").read_bytes()
    assert [row["line"] for row in lines(tmp_path / "out/b.jsonl")] == list(range(1, 601))
    assert os.listdir(tmp_path / "out") == ["b.jsonl"]
    # cut off, and run again
    from volant.bundle.batch.run import BatchJob, answer_file

    monkeypatch.setattr(jobs_answer, "CHECKPOINT", 0.0)
    with pytest.raises(KeyboardInterrupt):
        answer_file(bundle, BatchJob("a.jsonl", "out/c.jsonl", "review"), _interrupt)
    assert not (tmp_path / "out/c.jsonl").exists()
    command[4] = "out/c.jsonl"
    done = CliRunner().invoke(cli, command)
    assert json.loads(done.stdout.splitlines()[-1])["resumed"] == 256
    assert (tmp_path / "out/c.jsonl").read_bytes() == whole


def _interrupt(_: int) -> None:
    raise KeyboardInterrupt


def test_shell_errors_are_messages(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\nfine\n")
    for more, says in ((["--column", "txt"], "Did you mean 'text'"), (["--format", "xls"], "Allowed: lines, csv")):
        command = ["batch", str(bundle.folder), str(tmp_path / "a.csv"), "--out", str(tmp_path / "b"), *more]
        done = CliRunner().invoke(cli, command)
        assert done.exit_code == 2
        assert says in done.output
        assert not (tmp_path / "b").exists()


def test_answers_name_the_version(bundle: Bundle) -> None:
    [row] = answerer(bundle, "7", all_scores=True)(["a lovely film"])
    assert (row["version"], set(row["scores"])) == ("7", {"fresh", "rotten"})
    with pytest.raises(VolantError):
        list(documents(Path(__file__), "csv"))
