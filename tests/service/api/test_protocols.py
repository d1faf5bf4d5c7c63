"""Clients that speak other protocols: Triton's own client, SageMaker's three formats, schemathesis on our own page."""

import json
import shutil
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from tritonclient import http as triton
from tritonclient.utils import InferenceServerException

from support.serving import ADMIN, DULL, FILM, Server, serving

# each one waits for the registry
FEW = {"POST /deployments": 4, "PATCH /deployments/{name}": 4, "POST /v2/repository/models/{name}/load": 4}
LAST = ("PATCH /deployments/{name}", "DELETE /deployments/{name}", "POST /v2/repository/models/{name}/unload")
EVERY = {
    "POST /predict",
    "GET /models",
    "POST /deployments",
    "PATCH /deployments/{name}",
    "POST /deployments/{name}/rollback",
    "DELETE /deployments/{name}",
    "POST /feedback",
    "GET /feedback",
    "POST /feedback/review",
    "POST /jobs",
    "GET /jobs",
    "GET /jobs/{identity}",
    "GET /jobs/{identity}/result",
    "POST /jobs/{identity}/stop",
    "DELETE /jobs/{identity}",
    "GET /ping",
    "POST /invocations",
    "POST /v2/models/{name}/infer",
    "POST /v2/repository/index",
}
# whatever is asked, some of it can be done
DONE = {"POST /predict", "GET /models", "GET /jobs", "GET /feedback", "GET /ping", "POST /v2/repository/index"}
SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


def tensor(texts: list[str], binary: bool) -> triton.InferInput:
    found = triton.InferInput("text", [len(texts)], "BYTES")
    found.set_data_from_numpy(np.array([text.encode() for text in texts], dtype=object), binary_data=binary)
    return found


@pytest.fixture
def client(server: Server) -> triton.InferenceServerClient:
    return triton.InferenceServerClient(f"127.0.0.1:{server.port}")


@pytest.mark.parametrize("binary", [True, False])
def test_triton_gets_the_same_answers(server: Server, client: triton.InferenceServerClient, binary: bool) -> None:
    texts = [FILM, DULL, "é 😀"]
    outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("label", "scores", "score", "id")]
    found = client.infer("reviews", [tensor(texts, binary)], outputs=outputs, request_id="mine")
    told = server.call("POST", "/predict", {"texts": texts, "model": "reviews", "all_scores": True})[1]["predictions"]
    labels = [name.decode() if isinstance(name, bytes) else name for name in array(found, "label")]
    assert labels == [row["label"] for row in told]
    assert array(found, "score") == pytest.approx([row["score"] for row in told], abs=1e-5)
    columns = client.get_model_metadata("reviews")["labels"]
    assert array(found, "scores").tolist() == [
        pytest.approx([row["scores"][label] for label in columns], abs=1e-5) for row in told
    ]
    response = found.get_response()
    assert (response["model_name"], response["model_version"], response["id"]) == ("reviews", "1", "mine")
    assert len(set(array(found, "id"))) == 3


def test_triton_sees_what_is_there(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.get_server_metadata()["name"] == "volant"
    assert client.is_model_ready("reviews")
    assert client.is_model_ready("reviews", "1")
    assert not client.is_model_ready("reviews", "7")
    assert not client.is_model_ready("revews")
    metadata = client.get_model_metadata("topics", "1")
    assert [output["name"] for output in metadata["outputs"]] == ["labels", "score", "scores", "id"]
    index = client.get_model_repository_index()
    assert [(model["name"], model["version"], model["state"]) for model in index] == [
        ("reviews", "1", "READY"),
        ("topics", "1", "READY"),
    ]
    found = client.infer("topics", [tensor(["film n1", "n2"], True)])  # everything, as bytes
    assert all(isinstance(json.loads(labels), list) for labels in array(found, "labels"))
    with pytest.raises(InferenceServerException, match=r"No model is deployed as 'revews'"):
        client.infer("revews", [tensor([FILM], True)])
    with pytest.raises(InferenceServerException, match=r"no output 'lable'. Allowed: label"):
        client.infer("reviews", [tensor([FILM], True)], outputs=[triton.InferRequestedOutput("lable")])


def test_triton_loads_and_unloads_with_the_admin_token(client: triton.InferenceServerClient) -> None:
    told = {"Authorization": f"Bearer {ADMIN}"}
    with pytest.raises(InferenceServerException, match="admin token"):
        client.unload_model("topics")
    client.unload_model("topics", headers=told)
    assert not client.is_model_ready("topics")
    client.load_model("topics", headers=told)
    assert client.is_model_ready("topics")


def stalled(server: Server, path: str, change: Callable[[], Any]) -> tuple[int, Any]:
    """What is answered to an infer request during whose body something changes."""
    body = json.dumps({"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": [FILM]}]}).encode()
    connection = HTTPConnection("127.0.0.1", server.port, timeout=90)
    connection.putrequest("POST", path)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body[:9])
    time.sleep(0.5)  # until it is at work
    change()
    connection.send(body[9:])
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def test_an_answer_is_named_by_who_gave_it_though_another_answered_when_it_was_asked(server: Server) -> None:
    def deploy(flywheel: str) -> None:
        assert server.admin("POST", "/deployments", {"name": "x", "flywheel": flywheel, "version": 1})[0] == 201

    def another() -> None:
        assert server.admin("DELETE", "/deployments/x")[0] == 204
        deploy("topics")

    deploy("reviews")
    status, found = stalled(server, "/v2/models/x/infer", another)
    assert status == 200, found
    labels = server.model("x")["labels"]
    shapes = {output["name"]: output["shape"] for output in found["outputs"]}
    assert shapes == {"labels": [1], "score": [1], "scores": [1, len(labels)], "id": [1]}
    told = server.call("POST", "/predict", {"texts": [FILM], "model": "x", "all_scores": True})[1]["predictions"][0]
    assert found["outputs"][2]["data"] == pytest.approx([told["scores"][label] for label in labels], abs=1e-5)
    assert server.admin("DELETE", "/deployments/x")[0] == 204


def test_a_version_is_answered_by_itself_or_not_at_all(server: Server) -> None:
    assert server.admin("POST", "/deployments", {"name": "x", "flywheel": "reviews", "version": 1})[0] == 201
    assert stalled(server, "/v2/models/x/versions/1/infer", lambda: None)[1]["model_version"] == "1"
    second = {"version": 2}
    found = stalled(server, "/v2/models/x/versions/1/infer", lambda: server.admin("PATCH", "/deployments/x", second))
    assert found == (404, {"error": "'x' has version 2 now, not 1."})
    assert server.admin("DELETE", "/deployments/x")[0] == 204


@pytest.mark.parametrize("number", ["²", "9" * 400, "9" * 5000, "-1", ""])
def test_a_number_in_a_header_may_be_anything(server: Server, number: str) -> None:
    told = {"Inference_Header_Content_Length": number}
    status, found, _ = server.call("POST", "/v2/models/reviews/infer", {"inputs": []}, **told)
    assert (status, "Inference-Header-Content-Length" in found["error"]) == (422, True)
    word = {"x_volant_client": f"{number} x y"}
    said = {"text": FILM, "label": "fresh", "model": "reviews"}
    assert server.call("POST", "/feedback", said, **word)[0] == 200
    assert server.call("GET", "/jobs", **word)[0] == 200


def array(found: Any, name: str) -> Any:
    values = found.as_numpy(name)
    assert values is not None, name
    return values


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", json.dumps({"instances": [FILM, {"text": DULL}]})),
        ("application/json", json.dumps([FILM, DULL])),
        ("text/csv", f'"{FILM}"\r\n{DULL}\r\n'),
        ("application/jsonlines", f"{json.dumps({'text': FILM})}\n{json.dumps(DULL)}\n"),
    ],
)
@pytest.mark.parametrize("accept", ["*/*", "text/csv", "application/json", "application/jsonlines"])
def test_sagemaker_sends_and_gets_what_it_likes(server: Server, content_type: str, body: str, accept: str) -> None:
    told = {"Content-Type": content_type, "Accept": accept, "X-Amzn-SageMaker-Target-Model": "reviews"}
    status, found, headers = server.call("POST", "/invocations", body.encode(), **told)
    assert status == 200, found
    assert headers["content-type"].split(";")[0] == (content_type if accept == "*/*" else accept)
    if "csv" in headers["content-type"]:
        labels = [line.split(",")[0] for line in found.splitlines()]
    elif "lines" in headers["content-type"]:
        labels = [row["label"] for row in map(json.loads, found.splitlines())]
    else:
        labels = [row["label"] for row in found["predictions"]]
    assert labels == ["fresh", "rotten"]


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/xml", "<a/>", 415),
        ("application/json", "{}", 422),
        ("application/json", '{"instances": []}', 422),
        ("text/csv", "a,b\n", 422),
        ("application/jsonlines", '{"text": 1}', 422),
    ],
)
def test_sagemaker_is_told_what_is_wrong(server: Server, content_type: str, body: str, status: int) -> None:
    assert server.call("GET", "/ping")[0] == 200
    found = server.call("POST", "/invocations", body.encode(), Content_Type=content_type)
    assert found[0] == status
    assert found[1]["error"]


def test_no_request_that_the_page_allows_breaks_it(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, root := tmp_path / "p")
    with serving(root) as server:
        assert server.admin("DELETE", "/deployments/topics")[0] == 204  # so that one may leave out the model
        page = server.call("GET", "/openapi.json")[1]
        operations = [cast(Any, found).ok() for found in schemathesis.openapi.from_dict(page).get_all_operations()]
        # what renames or removes models comes last
        operations.sort(key=lambda operation: operation.label in LAST)
        statuses = {operation.label: fuzz(operation, server) for operation in operations}
        assert server.call("GET", "/readyz")[0] == 200
    named = {f"{verb.upper()} {path}" for path, verbs in page["paths"].items() for verb in verbs}
    assert set(statuses) == named
    assert named >= EVERY
    assert not {path for path in page["paths"] if path.startswith("/ui")}
    # what comes in is really looked at: of most operations some requests are done, of all none is an error of ours
    assert not [(label, status) for label, found in statuses.items() for status in found if status >= 500]
    done = {label for label, found in statuses.items() if min(found) < 300}
    assert done >= DONE, done


def fuzz(operation: Any, server: Server) -> set[int]:
    statuses = set()

    @given(case=operation.as_strategy())
    @settings(
        max_examples=FEW.get(operation.label, 10),
        deadline=None,
        suppress_health_check=SLOW,
        derandomize=True,
        database=None,
    )
    def check(case: Any) -> None:
        headers = {"Authorization": f"Bearer {ADMIN}"}
        if "name" in (case.path_parameters or {}):  # a made-up one would get no further than to 404
            case.path_parameters["name"] = "reviews"
        # what a schema can't say (a name that isn't deployed, a tensor whose shape doesn't fit) may be refused
        response = case.call_and_validate(
            base_url=server.url, headers=headers, excluded_checks=[positive_data_acceptance]
        )
        statuses.add(response.status_code)

    check()
    return statuses
