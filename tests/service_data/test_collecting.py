"""Capture, feedback and jobs in the service's own app: from an answer to a captured row, and what a fuzzer finds."""

import asyncio
import json
from collections.abc import Iterator

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok

from service_data.conftest import ADMIN, app
from volant.service.capture_rows import read
from volant.service.collecting import Collecting
from volant.service.state import State


@pytest.fixture
def service(state: State) -> Iterator[FastAPI]:
    collecting, made = Collecting(state), app()
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
