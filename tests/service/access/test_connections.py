"""Connections and headers have limits; a client that holds many, or never ends one, keeps nobody else waiting."""

import json
import re
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from support.serving import FILM, Server, serving, workers

SETTINGS = "ui: false\nlimits: {connections: 40, header_seconds: 2, body_seconds: 2, idle_seconds: 1}\n"
SETTINGS += "feedback: {per_client_per_minute: 5}\n"


@pytest.fixture(scope="module")
def strict(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("strict") / "p"
    shutil.copytree(made, root)
    (root / "service.yaml").write_text(SETTINGS)
    with serving(root, output=root / "said") as running:
        yield running


def sent(server: Server, data: bytes, pieces: int = 1) -> bytes:
    """What is answered to bytes on a connection of their own, until it ends."""
    with socket.create_connection(("127.0.0.1", server.port), 20) as connection:
        answer = b""
        with suppress(OSError):  # it need not read all of it
            for _ in range(pieces):
                connection.sendall(data)
        with suppress(OSError):
            while piece := connection.recv(65536):
                answer += piece
    return answer


def test_idle_connections_make_room(strict: Server) -> None:
    idle = [socket.create_connection(("127.0.0.1", strict.port), 20) for _ in range(200)]
    begun = time.monotonic()
    assert strict.call("GET", "/livez")[0] == 200
    assert strict.call("POST", "/predict", {"texts": [FILM], "model": "reviews"})[0] == 200
    assert time.monotonic() - begun < 2
    [worker] = workers(strict)
    assert len([one for one in worker.net_connections() if one.status == "ESTABLISHED"]) <= 40
    assert idle[-1].recv(1) == b""  # closed after header_seconds
    assert time.monotonic() - begun < 8
    for one in idle:
        one.close()


def test_where_all_are_at_work_a_connection_is_refused_in_words(strict: Server) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
    busy = [socket.create_connection(("127.0.0.1", strict.port), 20) for _ in range(20)]
    for one in busy:
        one.sendall(head)
    time.sleep(0.3)
    answer = sent(strict, b"")
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b'{"error": "Too many connections' in answer
    assert {one.recv(12) for one in busy} == {b"HTTP/1.1 408"}
    assert strict.call("GET", "/livez")[0] == 200
    for one in busy:
        one.close()


@pytest.mark.parametrize(
    ("data", "pieces", "status"),
    [
        (b"GET /livez HTTP/1.1\r\nX: " + b"a" * 2**20, 1, 431),
        (b"GET /livez HTTP/1.1\r\nX: " + b"a" * 2**20 + b"\r\n\r\n", 1, 431),
        (b"GET /livez HTTP/1.1\r\n" + b"A: b\r\n" * 101 + b"\r\n", 1, 431),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 1, 414),
        (b"GET /livez HTTP/1.1\r\nX: a", 1, 408),
        (b"\x16\x03\x01\x00 hello\r\n\r\n", 1, 400),
        (b"POST /predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n" + b"A: b\r\n" * 50_000, 1, 400),
        (b"POST /predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"a" * 500_000, 1, 400),
    ],
    ids=["without-end", "large", "many", "url", "slow", "garbage", "trailer", "chunk"],
)
def test_a_header_has_limits(strict: Server, data: bytes, pieces: int, status: int) -> None:
    begun = time.monotonic()
    answer = sent(strict, data, pieces)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer[:200]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    assert time.monotonic() - begun < 8
    assert strict.call("GET", "/livez")[0] == 200


def test_a_header_of_usual_size_and_several_requests_at_once_pass(strict: Server) -> None:
    large = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20_000 + b"\r\n\r\n"
    body = json.dumps({"texts": [FILM] * 100, "model": "reviews"}).encode()
    post = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    answer = sent(strict, large + post + large + post + b"GET /livez HTTP/1.0\r\n\r\n")
    assert re.findall(rb"HTTP/1.[01] (\d+)", answer) == [b"200"] * 5


def test_a_body_that_drips_is_let_go(strict: Server) -> None:
    with socket.create_connection(("127.0.0.1", strict.port), 20) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
        begun = time.monotonic()
        connection.settimeout(0.3)
        answer = b""
        while not answer and time.monotonic() - begun < 10:
            connection.sendall(b" ")
            with suppress(TimeoutError):
                answer = connection.recv(4096)
        while piece := connection.recv(4096):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"limits.body_seconds" in answer


def test_a_client_that_leaves_in_a_body_is_no_error(strict: Server) -> None:
    for path in ("/predict", "/feedback", "/jobs", "/deployments", "/invocations"):
        for kind in ("application/json", "multipart/form-data; boundary=x"):
            with socket.create_connection(("127.0.0.1", strict.port), 20) as connection:
                head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: 9\r\n\r\n{{"
                connection.sendall(head.encode())
                time.sleep(0.05)
    assert strict.call("GET", "/livez")[0] == 200
    assert "Traceback" not in (strict.root / "said").read_text()


def test_an_address_that_a_client_makes_up_is_not_believed(strict: Server) -> None:
    said = [
        strict.call(
            "POST",
            "/feedback",
            {"text": f"t{number}", "label": "fresh", "model": "reviews"},
            X_Forwarded_For=f"192.0.2.{number}",
        )[0]
        for number in range(6)
    ]
    assert said == [200] * 5 + [429]


def test_every_error_has_one_shape(strict: Server) -> None:
    bad = [
        ("POST", "/feedback", b"\xff", 422),
        ("POST", "/deployments", b"[" * 5000, 422),
        ("POST", "/v2/repository/index", b"{", 422),
        ("GET", "/nothing", None, 404),
        ("GET", "/static_content/nothing", None, 404),
        ("PUT", "/predict", None, 405),
        ("POST", "/livez", b"", 405),
    ]
    for method, path, body, status in bad:
        found = strict.call(method, path, body)
        assert (found[0], list(found[1])) == (status, ["error"]), (path, found)
    assert strict.call("PUT", "/feedback")[2]["allow"] == "GET, POST"
    assert strict.call("POST", "/jobs/x")[2]["allow"] == "DELETE, GET"


def test_two_content_types_are_not_two_readings(strict: Server) -> None:
    body = b"[" + b'"",' * 20_000 + b'""]'
    head = f"POST /invocations HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
    for first, second in (("application/json", "text/csv"), ("text/csv", "application/json")):
        types = f"Content-Type: {first}\r\nContent-Type: {second}\r\n\r\n"
        answer = sent(strict, head.encode() + types.encode() + body)
        says = b"values and keys" if first == "application/json" else b"is not valid CSV"
        assert says in answer
