"""Capture, feedback and jobs in the service's own app: from an answer to a captured row, and what a fuzzer finds."""

import asyncio
import json
import time
from collections.abc import Iterator

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok

from support.collecting import ADMIN, app
from support.texts import reviews
from volant.monitor.captures import read
from volant.service.deployments.slots import Target
from volant.service.parts import ServiceParts
from volant.service.state import State
from volant.workspace.files import write_table


@pytest.fixture
def service(state: State) -> Iterator[FastAPI]:
    collecting = ServiceParts(state)
    made = app()
    for router in collecting.routers():
        made.include_router(router)
    collecting.start()
    yield made
    collecting.close()


def test_an_answer_is_captured_and_its_feedback_finds_it(service: FastAPI, state: State) -> None:
    reply = asyncio.run(state.answer("films", ["a lovely film by ann@example.com"]))
    client = TestClient(service)
    given = {}
    for _ in range(100):  # answers are told off the request's path
        given = client.post("/feedback", json={"id": reply.ids[0], "correct": True}).json()
        if "id" in given:
            break
    [item] = client.get("/feedback?flywheel=mine", headers=ADMIN).json()
    assert (item["id"], item["text"], item["version"]) == (given["id"], "a lovely film by [email]", "3")
    state.close()
    [file] = (state.root / ".lake/captures/films").rglob("*.jsonl")
    row = read(file.read_text())
    assert (row.event_id, row.text, row.version) == (reply.ids[0], "a lovely film by [email]", "3")


def test_the_flywheel_is_remembered_and_what_is_forgotten_is_told_to_prometheus(
    service: FastAPI, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.models.set("movies", Target("mine", "3", state.models.current("films").bundle.folder))
    identity = asyncio.run(state.answer("films", ["a lovely film"])).ids[0]
    state.models.remove("films")
    client = TestClient(service)
    deadline = time.monotonic() + 20
    while client.post("/feedback", json={"id": identity, "correct": True, "model": "movies"}).status_code != 200:
        assert time.monotonic() < deadline
    [item] = client.get("/feedback?flywheel=mine", headers=ADMIN).json()
    assert (item["model"], item["text"]) == ("films", "a lovely film")
    monkeypatch.setattr("volant.service.capture.recent.WAITING", 3)
    monkeypatch.setattr("volant.workspace.sqlite.TIMEOUT", 0)
    asyncio.run(state.answer("movies", [f"film {number}" for number in range(10)]))
    state.publisher.close()
    assert b'volant_sink_answers_total{outcome="forgotten",sink="capture"} 7.0' in state.metrics.page()


def test_texts_are_read_before_anybody_gives_feedback(state: State) -> None:
    path = state.root / "data/mine/prepared/test.parquet"
    write_table(reviews(20), path)
    collecting = ServiceParts(state)
    collecting.start()
    deadline = time.monotonic() + 20
    while path not in collecting.feedback.texts._read:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    collecting.close()


def test_openapi_is_whole(service: FastAPI) -> None:
    tree = service.openapi()
    assert set(tree["paths"]) == {
        "/feedback",
        "/feedback/review",
        "/jobs",
        "/jobs/{identity}",
        "/jobs/{identity}/result",
        "/jobs/{identity}/stop",
    }
    json.dumps(tree)
    assert set(tree["paths"]["/jobs"]["post"]["requestBody"]["content"]) == {"multipart/form-data", "application/json"}


def test_no_request_of_a_fuzzer_is_an_error_of_ours(service: FastAPI) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", service)
    operations = [one.ok() for one in schema.get_all_operations() if isinstance(one, Ok)]
    statuses = set()
    assert len(operations) == 9

    @settings(
        max_examples=40,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    @given(st.data())
    def fuzz(data: st.DataObject) -> None:
        case = data.draw(data.draw(st.sampled_from(operations)).as_strategy())
        response = case.call(headers=ADMIN)
        statuses.add(response.status_code)
        case.validate_response(response, checks=[not_a_server_error])

    fuzz()
    assert statuses >= {200, 404, 422}
    assert 401 not in statuses
