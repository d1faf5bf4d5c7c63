"""Batch jobs when something is wrong: folders that go or can't be read, full disks, a store that is down."""

import json
import os
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from support.collecting import app, free_port, lake_on
from support.disk import files_up_to
from support.jobs import echo, ended, lines, written
from volant.bundle.batch import answering as jobs_answer
from volant.bundle.batch.reading import Form
from volant.errors import VolantError
from volant.service import settings
from volant.service.errors import RefusedError
from volant.service.jobs import queue, retries
from volant.service.jobs import store as jobs_store
from volant.service.jobs.api import jobs_of, router
from volant.service.jobs.job import Job, new
from volant.service.jobs.jobs import Jobs
from volant.service.jobs.store import JobStore
from volant.service.state import State
from volant.workspace import s3_server
from volant.workspace.lake import Lake
from volant.workspace.objects import Store

MANY = 20_000  # texts whose answers have more than 0.5 MiB


@contextmanager
def working(jobs: Jobs) -> Iterator[Jobs]:
    jobs.start()
    try:
        yield jobs
    finally:
        jobs.close()


def asked(model: str = "films", form: Form = "lines", owner: str = "me") -> Job:
    return new(model, form, "text", owner)


@pytest.mark.parametrize("error", [VolantError("No."), ZeroDivisionError(), FileNotFoundError(), None])
def test_a_job_that_is_removed_while_it_is_worked_on_takes_no_other_along(
    tmp_path: Path, error: Exception | None
) -> None:
    jobs: Jobs

    def answering(job: Job) -> Any:
        if job.model == "removed":
            jobs.store.stop(job.id)
            jobs.store.remove(job.id)
            if error:
                raise error
        return echo(job)

    jobs = Jobs(answering, root=tmp_path)
    first = jobs.submit(asked("removed"), written("a\n" * 1000))
    second = jobs.submit(asked(), written("a\n"))
    with working(jobs):
        assert ended(jobs, second).state == "COMPLETED"
    assert [path.name for path in jobs.store.home.iterdir() if first.id in path.name] == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": 1}', '{"created": null}', "\udcff"])
def test_a_job_that_cannot_be_read_harms_no_other(tmp_path: Path, text: str) -> None:
    store = JobStore(tmp_path)
    broken = store.create(asked(), written("a"))
    (store.folder(broken.id) / "job.json").write_bytes(text.encode(errors="surrogateescape"))
    (store.home / ("0" * 32)).write_text("a file where a folder is looked for")
    jobs = Jobs(echo, root=tmp_path)
    with working(jobs):
        assert ended(jobs, jobs.submit(asked(), written("a\n"))).state == "COMPLETED"
    assert len(jobs.store.all()) == 1
    with pytest.raises(RefusedError, match="no such job"):
        jobs.store.get(broken.id)


def test_what_no_job_accounts_for_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "PAUSE", 0.05)
    jobs = Jobs(echo, root=tmp_path)
    jobs.store.home.rmdir()
    with working(jobs):
        time.sleep(0.2)
        jobs.store.home.mkdir()
        assert ended(jobs, jobs.submit(asked(), written("a\n"))).state == "COMPLETED"


def test_old_jobs_are_forgotten_while_the_service_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "TIDY", 0.1)
    jobs = Jobs(echo, root=tmp_path)
    with working(jobs):
        old, fresh = (ended(jobs, jobs.submit(asked(), written("a\n"))) for _ in range(2))
        broken = jobs.store.create(asked(), written("a"))
        (jobs.store.folder(broken.id) / "job.json").write_text("")
        (left := jobs.store.home / ".0123.part").mkdir()
        (filling := jobs.store.home / ".4567.part").mkdir()
        for path in (jobs.store.folder(old.id), jobs.store.folder(broken.id), left):
            os.utime(path, (then := time.time() - jobs_store.RETENTION - 60, then))
        deadline = time.monotonic() + 10
        while jobs.store.folder(old.id).exists() or left.exists() or jobs.store.folder(broken.id).exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert [job.id for job in jobs.store.all()] == [fresh.id]
    assert filling.exists()


def test_what_is_kept_of_one_client_is_bounded(tmp_path: Path) -> None:
    config = settings.Settings(jobs=settings.Jobs(kept_bytes=20_000))
    jobs = Jobs(echo, config, tmp_path)
    with working(jobs):
        first = ended(jobs, jobs.submit(asked(), written("a text\n" * 300)))
        assert first.state == "COMPLETED"
        assert 10_000 < jobs.store.bytes_of(first.id) < 20_000
        with pytest.raises(RefusedError, match=r"jobs\.kept_bytes is 20000\. Delete some") as refused:
            jobs.submit(asked(), written("a text\n" * 3000))
        assert refused.value.status == 413
        assert [path.name for path in jobs.store.home.iterdir() if path.is_dir()] == [first.id]
        ended(jobs, jobs.submit(asked(owner="you"), written("a\n")))  # another client's are others
        jobs.remove(first.id)
        # a file that is small enough, and its result is not
        grown = ended(jobs, jobs.submit(asked(), written("a\n" * 9000)))
        assert grown.state == "FAILED"
        assert "jobs.kept_bytes" in (grown.error or "")


def test_a_cell_that_is_too_long_is_a_row_with_an_error(tmp_path: Path) -> None:
    jobs = Jobs(echo, root=tmp_path)
    with working(jobs):
        now = ended(jobs, jobs.submit(asked(form="csv"), written(f'text\nfine\n"{"x" * 200_000}"\ndull\n')))
    assert (now.state, now.error) == ("COMPLETED", None)
    assert [row.get("error", row.get("label")) for row in lines(jobs.store.result(now.id))] == [
        "f",
        "200,000 characters; limits.characters_per_text is 20,000",
        "d",
    ]


def test_a_result_that_finds_no_room_fails_and_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "PAUSES", (0.1, 0.3))
    monkeypatch.setattr(queue, "PAUSE", 0.05)
    order = []

    def answering(job: Job) -> Any:
        order.append(job.model)
        return echo(job)

    jobs = Jobs(answering, root=tmp_path)
    large = jobs.submit(asked("large"), written("a text\n" * MANY))
    small = jobs.submit(asked("small"), written("a\n"))
    with files_up_to(settings.MIB // 2), working(jobs):
        assert ended(jobs, small).state == "COMPLETED"
        now = ended(jobs, large)
    assert (now.state, now.error) == ("FAILED", "File too large.")
    assert [name for name, before in zip(order, ["", *order], strict=False) if name != before][:3] == [
        "large",
        "small",
        "large",
    ]
    assert not jobs.store.result(large.id).exists()  # the room is free again


def test_a_short_trouble_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "PAUSES", (0.2, 0.2, 0.2, 0.2, 0.2))
    monkeypatch.setattr(queue, "PAUSE", 0.05)
    jobs = Jobs(echo, root=tmp_path)
    job = jobs.submit(asked(), written("a text\n" * MANY))
    with files_up_to(settings.MIB // 2), working(jobs):
        waits(jobs, job, "File too large. It is retried soon.")
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        now = ended(jobs, job)
    assert (now.state, now.done, now.error) == ("COMPLETED", MANY, None)
    assert [row["line"] for row in lines(jobs.store.result(job.id))] == list(range(1, MANY + 1))


def test_a_result_that_got_lost_is_made_anew(tmp_path: Path) -> None:
    jobs = Jobs(echo, root=tmp_path)
    job = jobs.submit(asked(), written("a\n" * 500))
    jobs.store.write(replace(job, state="IN_PROGRESS", done=256, total=500, size=9999))
    with working(jobs):
        assert ended(jobs, job).state == "COMPLETED"
    assert [row["line"] for row in lines(jobs.store.result(job.id))] == list(range(1, 501))


def waits(jobs: Jobs, job: Job, why: str, patience: float = 20) -> None:
    deadline = time.monotonic() + patience
    while why not in ((now := jobs.store.get(job.id)).error or ""):
        assert time.monotonic() < deadline, now
        time.sleep(0.02)
    assert now.state == "IN_PROGRESS"


@pytest.fixture
def own_s3(
    tmp_path_factory: pytest.TempPathFactory,
    s3: tuple[Path, str],  # noqa: ARG001  (it puts the keys where S3 clients look for them)
    s3_keys: tuple[str, str],
) -> Iterator[tuple[ExitStack, Callable[[], str]]]:
    """An S3 server that a test may stop (closing the stack) and start again at the same address."""
    folder = tmp_path_factory.mktemp("own")
    port = free_port()
    (folder / "bucket").mkdir()
    with ExitStack() as running:

        def start() -> str:
            running.enter_context(s3_server.server(folder, port, s3_keys))
            return s3_server.address(port)

        yield running, start


def on_s3(root: Path, endpoint: str) -> Job:
    lake_on(root, "s3://bucket/team", endpoint)
    Store(Lake("s3://bucket", endpoint)).write("in/a.txt", "fine\ndull\n")
    return replace(asked(), source="s3://bucket/in/a.txt", output="s3://bucket/out")


CONFIG = settings.Settings(jobs=settings.Jobs(prefixes=["s3://bucket/in/", "s3://bucket/out"]))


def test_a_result_waits_for_a_store_that_is_down(
    own_s3: tuple[ExitStack, Callable[[], str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "PAUSES", (0.2,) * 50)
    running, start = own_s3
    job = on_s3(tmp_path, endpoint := start())
    answered = []

    def answering(it: Job) -> Callable[[Sequence[str]], list[dict[str, Any]]]:
        answered.append(it.id)
        running.close()  # after its file was fetched, before its result is sent
        return echo(it)

    with working(Jobs(answering, CONFIG, tmp_path)) as jobs:
        jobs.submit(job)
        waits(jobs, job, "can't be reached")
        start()
        assert (now := ended(jobs, job)).state == "COMPLETED"
    assert now.error is None
    assert answered == [job.id]  # it is sent again, not answered again
    sent = Store(Lake("s3://bucket", endpoint)).read(f"out/{job.id}.jsonl")
    assert sent == jobs.store.result(job.id).read_text()
    assert '"label": "f"' in sent


def test_a_result_that_cannot_be_sent_can_be_fetched(
    own_s3: tuple[ExitStack, Callable[[], str]], state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "PAUSES", (0.05, 0.05))
    monkeypatch.setattr(jobs_answer, "CHECKPOINT", 0.0)
    running, start = own_s3
    (state.root / "service.yaml").write_text("jobs: {prefixes: ['s3://bucket/']}\n")
    job = on_s3(state.root, start())
    jobs = Jobs(lambda it: running.close() or echo(it), CONFIG, state.root)
    made = app()
    made.include_router(router(state, jobs_of(state)))
    job = replace(job, owner=owner(TestClient(made), state))
    with working(jobs):
        jobs.submit(job)
        now = ended(jobs, job)
    assert (now.state, now.done, now.total) == ("FAILED", 2, 2)
    assert "can't be reached" in (now.error or "")
    assert "GET /jobs/{id}/result" in (now.error or "")
    found = TestClient(made).get(f"/jobs/{job.id}/result")
    assert found.status_code == 200
    assert [json.loads(line)["label"] for line in found.text.splitlines()] == ["f", "d"]


def owner(client: TestClient, state: State) -> str:
    """Who a test's client is to the service."""
    identity = client.post("/jobs", files={"file": ("a.txt", b"a")}).json()["id"]
    store = JobStore(state.root)
    found = store.get(identity).owner
    store.remove(identity)
    return found
