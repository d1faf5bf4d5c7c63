"""Feedback of clients who mean harm, or who meet a full disk; and who may read what is kept."""

import errno
import json
import os
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from support.collecting import ADMIN, answered, app
from support.disk import files_up_to
from volant.errors import VolantError
from volant.service import settings
from volant.service.access import clients
from volant.service.access.clients import client_key
from volant.service.access.tokens import Tokens, make_secret
from volant.service.capture.capture import Capture
from volant.service.capture.event_ids import EventIds
from volant.service.errors import RefusedError, on_disk
from volant.service.feedback import intake
from volant.service.feedback.api import router
from volant.service.feedback.intake import Feedback, ModelInfo, Submission
from volant.service.feedback.log import HOME
from volant.service.jobs.api import jobs_of
from volant.service.jobs.api import router as jobs_router
from volant.service.state import State
from volant.workspace.journal import Journal
from volant.workspace.lake import Lake
from volant.workspace.objects import Store

MODEL = ModelInfo("films", "mine", "classify", ("fresh", "rotten"))


@pytest.fixture
def client(state: State) -> TestClient:
    made = app()
    made.include_router(router(state, Feedback(root=state.root)))
    return TestClient(made, client=("192.0.2.1", 1))


def test_one_client_cannot_shut_the_others_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MOST_WAITING", 30)
    monkeypatch.setattr(intake, "FEW", 3)
    taking = Feedback(settings.Feedback(waiting_per_client=20, per_client_per_minute=1000), root=tmp_path)

    def give(client: str, number: int) -> None:
        taking.add(Submission(client, text=f"text {client} {number}", labels=("fresh",)), MODEL)

    for number in range(20):
        give("flood", number)
    limit = r"20 items of your feedback wait for review; feedback.waiting_per_client is 20"
    with pytest.raises(RefusedError, match=limit):
        give("flood", 20)
    for number in range(10):
        give("busy", number)
    with pytest.raises(RefusedError, match="30 items of feedback wait for review") as refused:
        give("busy", 10)
    assert (refused.value.status, refused.value.retry_after) == (429, 600)
    for number in range(3):
        give("ann", number)
    with pytest.raises(RefusedError, match="33 items of feedback wait"):
        give("ann", 3)
    for other in range(27):
        give(f"other {other}", 0)
    with pytest.raises(RefusedError, match="60 items of feedback wait"):
        give("the last", 0)


def test_an_id_is_kept_only_if_the_service_gave_it(client: TestClient, state: State) -> None:
    ours = EventIds(client_key(state.root)).take(1)[0]
    anothers = EventIds(b"another service's key").take(1)[0]
    ids = []
    for number, identity in enumerate(("made-up", anothers, "0" * 32, ours)):
        asked = {"id": identity, "text": f"text {number}", "label": "fresh", "model": "films"}
        assert client.post("/feedback", json=asked).status_code == 200
        newest = client.get("/feedback?flywheel=mine", headers=ADMIN).json()[0]
        ids.append(newest["event_id"] if newest["event_id"] != newest["id"] else "its own")
    assert ids == ["its own", "its own", "its own", ours]


def test_answers_carry_such_ids(state: State) -> None:
    import asyncio

    reply = asyncio.run(state.answer("films", ["a fine film", "dull"]))
    made = app()
    made.include_router(router(state, Feedback(root=state.root)))
    for identity in reply.ids:
        asked = {"id": identity, "text": f"text {identity}", "label": "fresh"}
        TestClient(made).post("/feedback", json=asked)
    kept = TestClient(made).get("/feedback?flywheel=mine", headers=ADMIN).json()
    assert [item["event_id"] for item in reversed(kept)] == list(reply.ids)


def test_a_full_disk_is_told_and_nothing_is_half_written(client: TestClient, state: State) -> None:
    asked = {"text": "fine", "label": "fresh", "model": "films"}
    assert client.post("/feedback", json=asked).status_code == 200
    journal = state.root / HOME / "mine.jsonl"
    before = journal.read_bytes()
    with files_up_to(len(before) + 100):
        refused = client.post("/feedback", json={**asked, "text": "a longer text " * 20})
    assert refused.status_code == 507, refused.text
    assert refused.json()["error"].startswith("The service can't store feedback: File too large. Nothing")
    assert str(state.root) not in refused.text
    assert refused.headers["retry-after"] == "60"
    assert journal.read_bytes() == before
    assert client.post("/feedback", json={**asked, "text": "dull"}).status_code == 200
    assert len(client.get("/feedback?flywheel=mine", headers=ADMIN).json()) == 2


def test_of_several_entries_none_is_kept_when_there_is_no_room_for_all(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "feedback" / "a.jsonl")
    journal.append([{"n": 1}])
    with files_up_to(1000), pytest.raises(OSError, match="File too large"):
        journal.append([{"n": 2}, {"n": "x" * 2000}])
    assert Journal(journal.path).new() == [{"n": 1}]
    journal.append([{"n": 3}])
    assert Journal(journal.path).new() == [{"n": 1}, {"n": 3}]


def test_a_job_that_finds_no_room_is_refused_and_leaves_nothing(state: State) -> None:
    jobs = jobs_of(state)
    made = app()
    made.include_router(jobs_router(state, jobs))
    with files_up_to(1000):
        refused = TestClient(made).post("/jobs", files={"file": ("a.txt", b"a text\n" * 1000)})
    assert (refused.status_code, "can't store the job: File too large" in refused.text) == (507, True), refused.text
    assert list(jobs.store.home.iterdir()) == []


def test_only_what_the_disk_does_is_told_so() -> None:
    with pytest.raises(FileNotFoundError), on_disk("it"):
        raise FileNotFoundError(errno.ENOENT, "no such file")


def test_only_their_owner_reads_what_people_sent(tmp_path: Path, state: State) -> None:
    os.umask(before := os.umask(0o022))
    os.umask(0o022)
    try:
        (tmp_path / "project" / ".lake" / "captures").mkdir(parents=True)  # of an older Volant: everybody's
        (tmp_path / "project" / ".volant" / "service").mkdir(parents=True)
        root = tmp_path / "project"
        client_key(root)
        capture = Capture(root=root)
        capture.put([answered("e1")])
        capture.close()
        Feedback(root=root).add(Submission("me", text="fine", labels=("fresh",)), MODEL)
        jobs_of(state)
    finally:
        os.umask(before)
    captured = root / ".lake" / "captures"
    modes = {path: path.stat().st_mode & 0o777 for path in (captured, *captured.rglob("*"))}
    assert sum(path.is_file() for path in modes) == 1
    assert {path.name: mode for path, mode in modes.items() if mode != (0o600 if path.is_file() else 0o700)} == {}
    for folder in (root / ".volant/service", root / HOME, state.root / ".volant/service/jobs"):
        assert folder.stat().st_mode & 0o777 == 0o700, folder
    assert (root / ".lake").stat().st_mode & 0o777 == 0o755  # its datasets are others' too


def test_ground_truth_too(tmp_path: Path) -> None:
    Store(Lake(str(tmp_path))).write("groundtruth/films/2026/a.jsonl", "a text\n")
    path = tmp_path / "groundtruth"
    assert [p.stat().st_mode & 0o777 for p in (path, *sorted(path.rglob("*")))] == [0o700, 0o700, 0o700, 0o600]


@pytest.mark.parametrize("kept", [b"", b"short"])
def test_a_key_that_is_no_secret_is_refused(tmp_path: Path, kept: bytes) -> None:
    make_secret(tmp_path / clients.FILE, kept)
    with pytest.raises(VolantError, match=rf"has a key of {len(kept)} bytes; 32 are required. Remove the file"):
        client_key(tmp_path)


@pytest.mark.parametrize("kept", [b"", b"\n", b"a-half\n"])
def test_a_token_that_is_cut_off_is_refused(tmp_path: Path, kept: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOLANT_ADMIN_TOKEN", raising=False)
    make_secret(tmp_path / ".volant/service/admin-token", kept)
    with pytest.raises(VolantError, match=r"at least 16 are required\. Remove the file"):
        Tokens(tmp_path)


def test_a_secret_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bool] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: synced.append((tmp_path / "s" / "secret").exists()) or real(file))
    assert make_secret(tmp_path / "s" / "secret", b"a secret")
    assert synced == [False, True]  # the file first, then its name
    assert json.dumps([path.name for path in (tmp_path / "s").iterdir()]) == '["secret"]'
    assert not make_secret(tmp_path / "s" / "secret", b"another")
