"""The API page: every example works as it stands, tokens are said where they are needed, its address is printed."""

import json
import re
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.serving import ADMIN, FILM, Server, serving
from volant.service.api import docs
from volant.service.api.examples import IDENTITY
from volant.workspace import s3_server

SETTINGS = "ui: false\njobs: {prefixes: [s3://bucket/in/]}\n"
TOKENS = {"admin": ADMIN, "token": "one"}
OPEN = {"/livez", "/readyz", "/healthz", "/ping", "/v2/health/live", "/v2/health/ready"}
# what needs an earlier answer's id, or takes something away, comes later
LATER = [
    "GET /jobs/{identity}",
    "GET /jobs/{identity}/result",
    "POST /jobs/{identity}/stop",
    "DELETE /jobs/{identity}",
    "POST /feedback/review",
    "PATCH /deployments/{name}",
    "POST /deployments/{name}/rollback",
    "POST /v2/repository/models/{name}/unload",
    "POST /v2/repository/models/{name}/load",
    "DELETE /deployments/{name}",
]


@pytest.fixture(scope="module")
def guarded(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Two deployed models, tokens, files on a real S3 server; `reviews` has a version to go back to."""
    root = tmp_path_factory.mktemp("guarded") / "p"
    keys = ("key", "secret")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shutil.copytree(made, root)
    (root / "service.yaml").write_text(SETTINGS)
    bucket = root.parent / "s3/bucket"
    (bucket / "in").mkdir(parents=True)
    (bucket / "in/reviews.csv").write_text(f"text\n{FILM}\n")
    names = dict(zip(s3_server.NAMES, keys, strict=True)) | {s3_server.ENDPOINT: s3_server.address(port)}
    with (
        s3_server.server(bucket.parent, port, keys),
        serving(root, output=root / "said", VOLANT_API_TOKENS="one", **names) as running,
    ):
        assert running.admin("PATCH", "/deployments/reviews", {"version": 2})[0] == 200
        yield running


def operations(page: Any) -> Iterator[tuple[str, str, Any]]:
    for path, methods in page["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_every_example_of_the_page_works(guarded: Server) -> None:
    page = guarded.call("GET", "/openapi.json", Authorization="Bearer one")[1]
    assert '"example"' not in json.dumps(page["components"]["schemas"])  # which would be another truth
    every = sorted(operations(page), key=lambda one: LATER.index(f) if (f := " ".join(one[:2])) in LATER else -1)
    assert {" ".join(one[:2]) for one in every} >= {*LATER, "GET /metrics", "GET /livez", "GET /readyz", "GET /healthz"}
    ids = dict[str, str]()
    sent = 0
    for method, path, operation in every:
        contents = operation.get("requestBody", {}).get("content", {"": {}})
        for kind, content in contents.items():
            assert "example" in content or not kind, (method, path, kind)
            status, found = send(guarded, method, path, operation, (kind, content.get("example")), ids)
            assert 200 <= status < 300, (method, path, kind, status, found)
            if (method, path) == ("POST", "/feedback"):
                ids["feedback"] = found["id"]
            if (method, path) == ("POST", "/jobs"):
                completed(guarded, found["id"])
                ids["identity"] = found["id"]
            sent += 1
    assert sent == len(every) + 3  # a body of several types is sent as each of them


def completed(server: Server, job: str) -> None:
    deadline = time.monotonic() + 60
    while (found := server.call("GET", f"/jobs/{job}", Authorization="Bearer one")[1])["state"] != "COMPLETED":
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def send(
    server: Server, method: str, path: str, operation: Any, body: tuple[str, Any], ids: dict[str, str]
) -> tuple[int, Any]:
    kind, example = body
    headers = dict[str, str]()
    for parameter in operation.get("parameters", []):
        name = parameter["name"]
        place = parameter["in"]
        if "example" not in parameter:
            assert not parameter["required"], (path, name)
            continue
        value = str(ids.get(name, parameter["example"]))
        path = path.replace(f"{{{name}}}", value) if place == "path" else path
        path += f"?{name}={value}" if place == "query" else ""
        headers |= {name: value} if place == "header" else {}
    for scheme in [name for needed in operation.get("security", []) for name in needed]:
        headers["Authorization"] = f"Bearer {TOKENS[scheme]}"
    if kind == "multipart/form-data":
        kind = f"{kind}; boundary=x"
        example = form(**example)
    if isinstance(example, dict) and "ids" in example:
        assert example["ids"] == [IDENTITY]
        example = {**example, "ids": [ids["feedback"]]}
    data = example.encode() if isinstance(example, str) else example
    return server.call(method, path, data or b"", **headers, **({"Content_Type": kind} if kind else {}))[:2]


def form(file: str, **fields: str) -> str:
    plain = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}' for name, value in fields.items()]
    parts = [f'Content-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n{file}', *plain]
    return "".join(f"--x\r\n{part}\r\n" for part in parts) + "--x--\r\n"


def test_the_page_says_where_a_token_is_needed(guarded: Server, server: Server) -> None:
    page = guarded.call("GET", "/openapi.json", Authorization="Bearer one")[1]
    schemes = page["components"]["securitySchemes"]
    for method, path, operation in operations(page):
        assert bool(operation.get("security")) == (path not in OPEN), path
        assert {name for needed in operation.get("security", []) for name in needed} <= set(schemes)
        status, found, _ = guarded.call(method, re.sub(r"\{\w+\}", "x", path))
        assert (status == 401) == ("401" in operation["responses"]), (method, path, found)
    # without tokens, only what is the admin's
    page = server.call("GET", "/openapi.json")[1]
    assert set(page["components"]["securitySchemes"]) == {"admin"}
    assert not page["paths"]["/predict"]["post"].get("security")


def test_the_address_is_printed_and_answers(guarded: Server, capsys: pytest.CaptureFixture[str]) -> None:
    said = (guarded.root / "said").read_text()
    [address] = re.findall(r"^Volant: API at (\S+/docs)$", said, re.MULTILINE)
    assert httpx.get(address, headers={"Authorization": "Bearer one"}).status_code == 200
    docs.announce(has_ui=True, is_open=False)
    assert capsys.readouterr().out == "Volant: web UI at http://localhost:3000/ui, API at http://localhost:3000/docs\n"
