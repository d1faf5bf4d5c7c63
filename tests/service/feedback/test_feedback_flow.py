"""From what a client says over HTTP to a dataset that the next iteration learns from."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from support.collecting import ADMIN, answered, app
from support.lake import put
from support.texts import reviews
from volant.bundle.bundle import Bundle
from volant.cli import data as verbs  # noqa: F401  (its verbs)
from volant.cli.app import app as cli
from volant.datasets import catalogue
from volant.service import settings
from volant.service.capture.capture import Capture
from volant.service.deployments.slots import Target
from volant.service.feedback.api import router
from volant.service.feedback.intake import Feedback, ModelInfo, Submission
from volant.service.feedback.log import FeedbackLog
from volant.service.state import State

MODEL = ModelInfo("films", "mine", "classify", ("fresh", "rotten"))


@pytest.fixture
def capture(state: State) -> Iterator[Capture]:
    made = Capture(settings.Capture(percent=0), state.root)
    yield made
    made.close()


@pytest.fixture
def client(state: State, capture: Capture) -> TestClient:
    made = app()
    feedback = Feedback(settings.Feedback(per_client_per_minute=20), root=state.root)
    made.include_router(router(state, feedback, capture))
    return TestClient(made, client=("192.0.2.1", 1))


def test_over_http(client: TestClient, state: State, capture: Capture) -> None:
    capture.put([answered("e1", model="films")])
    given = client.post("/feedback", json={"id": "e1", "correct": False, "label": "rotten"})
    assert (given.status_code, given.json()["status"]) == (200, "quarantined")
    assert "text" not in given.json()
    assert client.get("/feedback?flywheel=mine").status_code == 401
    [item] = client.get("/feedback?flywheel=mine", headers=ADMIN).json()
    assert (item["id"], item["predicted"], item["labels"]) == (given.json()["id"], ["fresh"], ["rotten"])
    assert "192.0.2.1" not in json.dumps(item)
    asked = {"flywheel": "mine", "ids": [item["id"]], "decision": "accept"}
    assert client.post("/feedback/review", json=asked).status_code == 401
    [done] = client.post("/feedback/review", json=asked, headers=ADMIN).json()
    assert (done["status"], done["by"]) == ("accepted", "admin")
    capture.close()  # percent is 0, and yet the row that got feedback is kept
    files = [path.parts[-6] for path in (state.root / ".lake").rglob("*.jsonl")]
    assert sorted(path.parts[-7] for path in (state.root / ".lake").rglob("*.jsonl")) == ["captures", "groundtruth"]
    assert files == ["films"] * 2


def renamed(state: State, bundle: Bundle, flywheel: str = "mine", version: str = "3") -> None:
    """`films` is `movies` now; beside it is another flywheel, which must not get its feedback."""
    state.models.set("a", Target("another", "3", bundle.folder))
    state.models.set("movies", Target(flywheel, version, bundle.folder))
    state.models.remove("films")


@pytest.mark.parametrize("asked", [{}, {"model": "films"}, {"model": "movies"}, {"model": "a"}, {"model": "absent"}])
def test_feedback_on_an_answer_survives_a_new_name(
    client: TestClient, state: State, capture: Capture, bundle: Bundle, asked: dict[str, str]
) -> None:
    capture.put([answered("e1", model="films", flywheel="mine")])
    renamed(state, bundle, version="4")
    given = client.post("/feedback", json={"id": "e1", "correct": True, **asked})
    assert given.status_code == 200, given.text
    [item] = client.get("/feedback?flywheel=mine", headers=ADMIN).json()
    assert (item["model"], item["version"], item["predicted"]) == ("films", "3", ["fresh"])  # as it was captured


def test_feedback_is_of_no_other_flywheel(client: TestClient, state: State, capture: Capture, bundle: Bundle) -> None:
    capture.put([answered("e1", model="films", flywheel="mine"), answered("e2", model="films")])
    renamed(state, bundle, "another")
    for name in ("a", "movies"):
        given = client.post("/feedback", json={"id": "e1", "model": name, "correct": True})
        assert (given.status_code, "films" in given.text) == (404, True)
    state.models.set("films", Target("another", "3", bundle.folder))  # the name is there again, of another
    given = client.post("/feedback", json={"id": "e1", "correct": True})
    assert (given.status_code, "mine, which made this prediction" in given.text) == (404, True)
    state.models.remove("films")
    assert client.post("/feedback", json={"id": "e2", "correct": True}).status_code == 404  # kept by an older Volant
    assert client.post("/feedback", json={"id": "e2", "correct": True, "model": "movies"}).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"id": "gone", "model": "absent", "correct": True}, 404, "films"),
        ({"id": "gone", "correct": True}, 422, "give the correct"),
        ({"id": "../etc", "correct": True}, 422, "id"),
        ({"text": "x", "label": "frsh"}, 422, "Did you mean 'fresh'"),
        ({"text": "x", "label": "fresh", "labels": ["fresh"]}, 422, "exclude each other"),
        ({"text": "x" * 20_001, "label": "fresh"}, 422, "characters_per_text"),
        ({"text": "x", "lable": "fresh"}, 422, "lable"),
    ],
)
def test_refusals(client: TestClient, body: dict[str, str], status: int, says: str) -> None:
    answer = client.post("/feedback", json=body)
    assert answer.status_code == status
    assert says in answer.text


def test_one_client_is_slowed_down(client: TestClient) -> None:
    answers = [client.post("/feedback", json={"text": f"t{i}", "label": "fresh"}) for i in range(25)]
    assert [answer.status_code for answer in answers[:20]] == [200] * 20
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1


def test_clients_are_told_apart_by_their_network(state: State) -> None:
    made = app()
    feedback = Feedback(root=state.root)
    made.include_router(router(state, feedback))
    hosts = ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "192.0.2.1", "192.0.2.2"]
    statuses = []
    for host in hosts:
        body = {"text": "a film", "label": "fresh"}
        # a token that nobody checks makes no client of its own
        headers = {"Authorization": f"Bearer {host}"}
        answer = TestClient(made, client=(host, 1)).post("/feedback", json=body, headers=headers)
        statuses.append(answer.json()["status"])
    assert statuses == ["quarantined"] * 3 + ["accepted"] * 2


def volant(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(cli, list(arguments))
    assert done.exit_code == code, done.output
    return done.output


def test_accepted_rows_become_a_dataset_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setenv("COLUMNS", "250")
    feedback = Feedback(root=project)
    ids = [feedback.add(Submission(f"c{i}", text=f"film {i}", labels=("fresh",)), MODEL).id for i in range(3)]
    down = feedback.add(Submission("c9", "e9", correct=False), MODEL, answered("e9", "a dull film", model="films"))
    said = volant("feedback", "mine")
    assert all(one in said for one in [*ids, "film 2", "another"])
    assert "Give it with --label" in volant("feedback", "accept", "mine", *ids, down.id, code=2)
    assert not catalogue.cards("mine", project)
    assert "Rejected: 1" in volant("feedback", "reject", "mine", ids[2])
    volant("feedback", "accept", "mine", ids[0])
    assert "is in the dataset feedback-" in volant("feedback", "accept", "mine", ids[0], "--label", "rotten", code=2)
    said = json.loads(volant("feedback", "accept", "mine", down.id, "--label", "rotten", "--json"))
    assert (said["rows"], said["known"]) == (1, 0)
    tables = [table.select(["text", "label"]).to_pylist() for _, table in catalogue.tables("mine", "train", project)]
    assert tables == [[{"text": "film 0", "label": "fresh"}], [{"text": "a dull film", "label": "rotten"}]]
    again = volant("feedback", "accept", "mine")
    assert "Nothing new" in again
    assert len(list((project / ".lake/groundtruth/films").rglob("*.jsonl"))) == 2


def test_what_ingest_refuses_is_rejected(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    held = reviews(5, 9)
    put(project, "test", held, 1)
    feedback = Feedback(root=project)
    near = held["text"][0].as_py().replace(".", " !")  # not the same text, and yet nearly
    leak = feedback.add(Submission("c", text=near, labels=("fresh",)), MODEL)
    good = feedback.add(Submission("c", text="a lovely film", labels=("fresh",)), MODEL)
    said = json.loads(volant("feedback", "accept", "mine", leak.id, good.id, "--json"))
    assert said["rows"] == 1
    assert "leakage" in said["refused"][leak.id]
    items = {item.id: item for item in FeedbackLog(project).items("mine")}
    assert (items[leak.id].status, items[leak.id].by) == ("rejected", "ingest")
    assert items[good.id].dataset == said["dataset"]
    assert f"volant datasets remove mine {said['dataset']}" in volant("feedback", "reject", "mine", good.id, code=2)


def test_a_crash_before_it_is_written_down_makes_no_second_dataset(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    feedback = Feedback(root=project)
    item = feedback.add(Submission("c", text="a lovely film", labels=("fresh",)), MODEL)
    said = json.loads(volant("feedback", "accept", "mine", item.id, "--json"))
    feedback.log.mark("mine", {item.id: {"brought": False, "dataset": None}})  # as if killed after ingest
    again = json.loads(volant("feedback", "accept", "mine", "--json"))
    assert (said["rows"], again["rows"], again["known"], again["dataset"]) == (1, 0, 1, None)
    assert len(catalogue.cards("mine", project)) == 1
    assert os.listdir(project / "rows") == []
