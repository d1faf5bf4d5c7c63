"""What is asked under /ui reaches the process with the pages, streamed both ways, and from whom is signed."""

import asyncio
import json
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from volant.service.access.clients import HEADER, VALID, sign_address, verified_address
from volant.service.ui import process
from volant.service.ui.__main__ import listening
from volant.service.ui.proxy import Proxy

KEY = b"a key of the tests"
MOST = 3 * 1024 * 1024


async def echo(request: Request) -> Response:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    told = {"method": request.method, "path": request.scope["path"], "query": request.url.query, "size": size}
    answer = JSONResponse(told | {"headers": dict(request.headers)}, 201)
    answer.set_cookie("one", "1")
    answer.set_cookie("two", "2")
    return answer


async def events(_: Request) -> Response:
    async def ticking() -> AsyncIterator[bytes]:
        for number in range(3):
            yield f"data: {number}\n\n".encode()
            await asyncio.sleep(0.3)

    return StreamingResponse(ticking(), media_type="text/event-stream")


PAGES = Starlette(
    routes=[
        Route("/ui/events", events),
        Route("/ui/{rest:path}", echo, methods=["GET", "POST"]),
    ]
)


def run(app: ASGIApp, listener: socket.socket) -> tuple[uvicorn.Server, threading.Thread]:
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    return server, thread


class Front:
    """The proxy on a port of this machine; the pages behind it, once they are started."""

    def __init__(self, root: Path, pages: process.UiProcess | None) -> None:
        self._root = root
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._running = [run(Proxy(root, KEY, pages), self._listener)]

    def start_pages(self) -> None:
        self._running.append(run(PAGES, listening(self._root / process.SOCKET)))

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes, list[tuple[str, str]]]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, response.read(), response.getheaders()

    def close(self) -> None:
        for server, _ in self._running:
            server.should_exit = True
        for _, thread in self._running:
            thread.join()


@pytest.fixture
def front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    made = Front(Path(), process.UiProcess(Path()))
    yield made
    made.close()


def test_a_request_is_passed_on_as_it_is(front: Front) -> None:
    front.start_pages()
    forged = sign_address("203.0.113.9", b"another key")
    told = {"Host": "films.example:8443", "Connection": "x-mine", "X_Volant_Client": forged, "Cookie": "a=b"}
    status, body, headers = front.ask("POST", "/ui/a/b%20c%3Fd?x=1&y=%26", b"z" * MOST, **told)
    found = json.loads(body)
    assert (status, found["method"], found["path"], found["query"], found["size"]) == (
        201,
        "POST",
        "/ui/a/b c?d",
        "x=1&y=%26",
        MOST,
    )
    assert (found["headers"]["host"], found["headers"]["cookie"]) == ("films.example:8443", "a=b")
    assert found["headers"].get("connection") != "x-mine"
    assert verified_address(found["headers"][HEADER], KEY) == "127.0.0.1"
    assert [value.partition(";")[0] for name, value in headers if name == "set-cookie"] == ["one=1", "two=2"]


def test_events_come_as_they_are_sent(front: Front) -> None:
    front.start_pages()
    connection = HTTPConnection("127.0.0.1", front.port, timeout=10)
    connection.request("GET", "/ui/events")
    response = connection.getresponse()
    begun = time.monotonic()
    came = list[float]()
    while line := response.readline():
        if line.startswith(b"data:"):
            came.append(time.monotonic() - begun)
    assert len(came) == 3
    assert came[0] < came[1] - 0.2 < came[2] - 0.4


def test_pages_that_are_not_there_yet_say_so(front: Front) -> None:
    status, body, headers = front.ask("GET", "/ui/", Accept="text/html")
    assert (status, b"The web UI is starting" in body, b'http-equiv="refresh"' in body) == (200, True, True)
    status, body, headers = front.ask("GET", "/ui/config", Accept="application/json")
    assert (status, dict(headers)["retry-after"]) == (503, "2")
    front.start_pages()
    assert front.ask("GET", "/ui/")[0] == 201
    status, _, headers = front.ask("GET", "/ui?a=b")
    assert (status, dict(headers)["location"]) == (307, "ui/?a=b")


def test_pages_that_are_not_installed_or_switched_off(
    front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "installed", lambda: False)
    status, body, _ = front.ask("GET", "/ui", Accept="text/html")
    assert (status, b"pip install &#x27;volant-nlp[ui]&#x27;" in body) == (200, True)
    off = Front(tmp_path, None)
    status, body, _ = off.ask("GET", "/ui/")
    assert (status, json.loads(body)["error"]) == (404, "The web UI is switched off (`ui: false` in service.yaml).")
    off.close()


def test_only_the_user_of_the_service_reaches_the_pages(front: Front) -> None:
    front.start_pages()
    assert os.stat(process.SOCKET).st_mode & 0o777 == 0o600


def test_a_word_that_is_not_the_services_is_nothing() -> None:
    word = sign_address("192.0.2.7", KEY)
    now = time.time()
    assert verified_address(word, KEY) == "192.0.2.7"
    other = [sign_address("192.0.2.7", b"another key"), word[:-1], word.replace("192", "193"), f"²{word}"]
    late = [sign_address("192.0.2.7", KEY, now - VALID - 60), sign_address("192.0.2.7", KEY, now + 600)]
    for wrong in (None, "", "192.0.2.7", *other, *late):
        assert verified_address(wrong, KEY) is None, wrong
