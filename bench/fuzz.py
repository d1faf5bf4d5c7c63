"""Fuzzing of a service: valid and invalid requests to all routes, while /livez is polled.

    python bench/fuzz.py [--calls 20000] [--seed 0] [--every 150] [--connections 8] [--json]

A real server in a temporary folder, on loopback, answers requests that a seed determines: valid bodies, bodies with
bytes changed, removed or repeated, arbitrary JSON, and attacks that once blocked the service for minutes (`attacks`).
At the same time, other connections send nothing, or a header without end.

Exit code 1 if a response is a 5xx other than 503 (not ready) and 507 (disk full), if a request gets no response, or if
/livez takes longer than two seconds.
"""

import argparse
import json
import random
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

LIVEZ = 2.0  # seconds
PATIENCE = 60  # seconds for an answer
ADMIN = "fuzz"
JSON = "application/json"
CSV = "text/csv"
LINES = "application/jsonlines"
FORM = "multipart/form-data; boundary=x"
POSTS = ("/predict", "/v2/models/films/infer", "/invocations", "/feedback", "/jobs", "/deployments", "/feedback/review")
POSTS += ("/v2/repository/index",)
GETS = ("/", "/models", "/jobs", "/ping", "/v2", "/v2/models/films", "/metrics", "/openapi.json", "/feedback", "/docs")
ENDS = ("", "", "/", "?a=%00", "/%2e%2e", "?limit=-1")
METHODS = ("POST", "GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "X")
ODD = ("", "a", "é", "\u0000", "\u202e", "\\ud800", "'", '"', "=1+1", "../", "\u2028", "a" * 5000, "Ã©\n" * 300, "ﬁ")


@dataclass(frozen=True)
class Call:
    """A request."""

    method: str
    path: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Result:
    """The result of a run.

    Attributes:
        calls: Number of requests.
        statuses: Number of responses by status code; 0 for none.
        wrong: Descriptions of the failures.
        livez: Slowest response of /livez in seconds.
        looks: Number of requests to /livez.
        slowest: Slowest response to a request in seconds.
    """

    calls: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    livez: float = 0
    looks: int = 0
    slowest: float = 0

    @property
    def passed(self) -> bool:
        """True without failures, and with /livez within its limit."""
        return not self.wrong and self.livez <= LIVEZ and self.looks > 0


def infer(**tree: Any) -> bytes:
    """Return the body of a request of the Open Inference Protocol, with these values changed."""
    tensor = {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["a"]} | tree.pop("tensor", {})
    return json.dumps({"inputs": [tensor], **tree}).encode()


def attacks() -> Iterator[Call]:
    """Yield requests that once blocked the service, and similar ones, for every route that reads a body."""
    v2 = "/v2/models/films/infer"
    kind = {"Content-Type": JSON}
    outputs = [{"name": "label"}] * 200_000 + [{"name": "id"}] * 200_000
    yield Call("POST", v2, infer(outputs=outputs), kind)
    yield Call("POST", v2, infer(outputs=[{"name": "id"}] * 4000, tensor={"data": ["a"] * 1000, "shape": [1000]}), kind)
    yield Call("POST", v2, infer(tensor={"shape": [9] * 500_000}), kind)
    yield Call("POST", v2, b'{"inputs": [{"shape": [' + b",".join([b"9" * 4300] * 200) + b"]}]}", kind)
    yield Call("POST", v2, infer(tensor={"data": [""] * 2_000_000}), kind)
    yield Call("POST", v2, infer(tensor={"data": [[]] * 2_000_000}), kind)
    yield Call("POST", v2, infer(tensor={"data": None, "parameters": {"binary_data_size": 9_000_000}}), kind)
    keys = json.dumps({f"k{number}": 1 for number in range(600_000)}).encode()
    bodies = {
        "ones": b'{"texts": [' + b"1," * 3_000_000 + b"1]}",
        "strings": b'{"texts": [' + b'"",' * 2_500_000 + b'""]}',
        "keys": keys,
        "deep": b"[" * 5_000_000,
        "objects": b'{"a":' * 1_500_000,
        "digits": b'{"texts": [' + b"9" * 5_000_000 + b"]}",
        "escapes": b'{"texts": ["' + b"\\\\" * 4_000_000 + b'"]}',
        "quotes": b'{"texts": ["' + b'\\"' * 4_000_000,
        "words": b"x " * 4_000_000,
        "bytes": b"\xff" * 5_000_000,
    }
    for path in POSTS:
        for body in bodies.values():
            yield Call("POST", path, body, kind)
    for kind_of_lines in (CSV, LINES):
        for piece in (b"\n", b"a\n", b",", b'"', b'""\n', b"\r", b'{"text":"a"}\n'):
            yield Call("POST", "/invocations", piece * (8_000_000 // len(piece)), {"Content-Type": kind_of_lines})
    slow = json.dumps({"texts": [("Ã©\n" * 7000)[:20_000]] * 40}, ensure_ascii=False).encode()
    yield Call("POST", "/predict", slow, kind)
    lines = json.dumps({"texts": ["".join(f"é{n}\n" for n in range(3500))] * 10}, ensure_ascii=False).encode()
    yield Call("POST", "/predict", lines, kind)
    yield Call("GET", "/" + "a" * 60_000)
    yield Call("GET", "/livez", None, {"X": "a" * 60_000})
    yield Call("GET", "/livez", None, {f"X-{number}": "a" for number in range(300)})


def calls(seed: int, number: int, every: int) -> Iterator[Call]:
    """Yield requests.

    Args:
        seed: Seed of the random ones.
        number: Number of requests.
        every: Number of requests of which one is an attack; attacks come in order.
    """
    rng = random.Random(seed)  # noqa: S311
    attack = list(attacks())
    for done in range(number):
        yield attack[done // every % len(attack)] if done % every == 0 else call(rng)


def call(rng: random.Random) -> Call:
    """Return a random request; most bodies are nearly valid."""
    headers = {"Authorization": rng.choice(("Bearer ", "Basic ", "x")) + rng.choice((ADMIN, "y"))}
    if rng.random() < 0.1:
        headers[rng.choice(("Accept", "X-Forwarded-For", "Content-Encoding", "Range", "X-Volant-Client"))] = odd(rng)
    if rng.random() < 0.15:
        return Call(
            "GET", rng.choice(GETS) + rng.choice(("", "", "/", "?a=%00", "/%2e%2e", "?limit=-1")), None, headers
        )
    path = rng.choice(POSTS)
    kind, body = valid_body(rng, path)
    headers["Content-Type"] = kind if rng.random() < 0.95 else rng.choice((JSON, CSV, LINES, FORM, "x", "text/plain"))
    if rng.random() < 0.05:
        headers["Inference-Header-Content-Length"] = str(rng.choice((0, 5, len(body), 10**9, -1)))
    if rng.random() < 0.4:
        body = changed(rng, body)
    method = "POST" if rng.random() < 0.95 else rng.choice(METHODS)
    return Call(method, path, body, headers)


def valid_body(rng: random.Random, path: str) -> tuple[str, bytes]:
    """Return the content type and the body of a nearly valid request to a route."""
    texts = [text(rng) for _ in range(rng.choice((0, 1, 1, 2, 5)))]
    if path == "/invocations":
        kind = rng.choice((JSON, CSV, LINES))
        if kind == CSV:
            return kind, "\n".join(json.dumps(cell, ensure_ascii=False) for cell in texts).encode(errors="replace")
        if kind == LINES:
            return kind, "\n".join(json.dumps({"text": cell}) for cell in texts).encode()
        return kind, json.dumps({"instances": texts}).encode()
    if path == "/jobs" and rng.random() < 0.5:
        rows = "\n".join(texts).encode(errors="replace")
        head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        return FORM, head + rows + b"\r\n--x--\r\n"
    tree: dict[str, Any] = {
        "/predict": {"texts": texts, "model": "films", "top_k": rng.choice((1, 2, 0, 10**9))},
        "/v2/models/films/infer": json.loads(infer(tensor={"data": texts, "shape": [len(texts)]})),
        "/feedback": {"text": text(rng), "label": rng.choice(("fresh", "rotten", "x")), "model": "films"},
        "/feedback/review": {"flywheel": "films", "ids": texts or ["a"], "decision": rng.choice(("reject", "x"))},
        "/jobs": {"uri": rng.choice(("s3://b/a.csv", "file:///etc/passwd", odd(rng)))},
        "/deployments": {"name": odd(rng), "flywheel": "films", "version": rng.choice((None, 1, 2, "1", 10**30))},
    }.get(path, {"ready": True})
    if rng.random() < 0.3:
        key = rng.choice((*tree, "id", odd(rng)))
        tree = {**tree, key: anything(rng, 3)}
    return JSON, json.dumps(tree, ensure_ascii=rng.random() < 0.5).encode(errors="replace")


def text(rng: random.Random) -> str:
    """Return a random text of usual and unusual words."""
    return " ".join(rng.choice((*ODD, "a fine film", "dull")) for _ in range(rng.randrange(1, 6)))


def odd(rng: random.Random) -> str:
    """Return a random word for a header or a name, in Latin-1, as headers are."""
    return rng.choice(("x", "192.0.2.7", "garbage", "*/*", "text/csv", "a" * 200, "bytes=0-1", "gzip", "%", "films"))


def anything(rng: random.Random, depth: int) -> Any:
    """Return any JSON value, nested up to a depth."""
    if depth and rng.random() < 0.5:
        values = [anything(rng, depth - 1) for _ in range(rng.randrange(4))]
        return values if rng.random() < 0.5 else {rng.choice(ODD): value for value in values}
    return rng.choice((None, True, 0, -1, 1e300, 10**40, float("nan"), *ODD))


def changed(rng: random.Random, body: bytes) -> bytes:
    """Return a body with bytes changed, removed or repeated."""
    at = rng.randrange(len(body) + 1)
    how = rng.randrange(4)
    if how == 0:
        return body[:at]
    if how == 1:
        return body[:at] + rng.randbytes(rng.randrange(1, 5)) + body[at + 1 :]
    if how == 2:
        return body[:at] + body[at : at + 20] * rng.randrange(2, 200) + body[at:]
    return body + body[:at]


def ask(port: int, request: Call, result: Result, lock: threading.Lock) -> None:
    """Send one request, and add its response to the result.

    Args:
        port: Port of the service.
        request: The request.
        result: Result to add to.
        lock: Lock of the result.
    """
    start = time.perf_counter()
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        status = _answer(connection, request)
    finally:
        connection.close()
    seconds = time.perf_counter() - start
    description = f"{request.method} {request.path[:60]} ({len(request.body or b'')} bytes, {seconds:.1f} s): "
    with lock:
        result.calls += 1
        result.slowest = max(result.slowest, seconds)
        result.statuses[status] += 1
        if not status or (status >= 500 and status not in (503, 507)):
            result.wrong.append(description + (str(status) if status else "no answer"))


def _answer(connection: HTTPConnection, request: Call) -> int:
    """Return the status code; 0 without a response. A service may refuse a request without reading all of it."""
    try:
        try:
            connection.request(request.method, request.path, request.body, request.headers)
        except (BrokenPipeError, ConnectionResetError):
            if connection.sock is None:
                return 431
        response = connection.getresponse()
        response.read()
    except ConnectionResetError:
        return 431  # the response to a header that is too large may be lost
    except (OSError, HTTPException):
        return 0
    return response.status


def watch(port: int, stop: Any, seen: Any) -> None:
    """Request /livez ten times a second, on a new connection each.

    It runs in a process of its own, so that the load of the other requests does not delay it.

    Args:
        port: Port of the service.
        stop: Event that ends it.
        seen: Queue that gets the slowest response in seconds, the number of requests, and the failures.
    """
    slowest = 0.0
    looks = 0
    wrong: list[str] = []
    while not stop.wait(0.1):
        start = time.perf_counter()
        connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        status = _answer(connection, Call("GET", "/livez"))
        connection.close()
        slowest = max(slowest, time.perf_counter() - start)
        looks += 1
        if status != 200:
            wrong.append(f"/livez: {status or 'no answer'}")
    seen.put((slowest, looks, wrong))


def idle(port: int, stop: Any, connections: int = 300) -> None:
    """Keep connections open that send nothing, or a header that never ends.

    Args:
        port: Port of the service.
        stop: Event that ends it.
        connections: Number of connections.
    """
    sockets: list[socket.socket] = []
    while not stop.wait(0.02):
        with suppress(OSError):
            sockets.append(socket.create_connection(("127.0.0.1", port), 5))
        if sockets:
            with suppress(OSError):
                sockets[-1].sendall(b"GET /livez HTTP/1.1\r\nX: " + b"a" * 20_000 if len(sockets) % 3 else b"G")
        for oldest in sockets[:-connections]:
            oldest.close()
        sockets = sockets[-connections:]


def fuzz(port: int, number: int, seed: int, every: int, connections: int) -> Result:
    """Send requests, and return the result.

    Args:
        port: Port of the service.
        number: Number of requests.
        seed: Seed of the random ones.
        every: Number of requests of which one is an attack.
        connections: Number of requests at a time.
    """
    result = Result()
    lock = threading.Lock()
    context = get_context("fork")
    stop = context.Event()
    seen = context.Queue()
    requests = calls(seed, number, every)
    ask(port, next(requests), result, lock)  # generates the attacks before anything is measured

    def connect() -> None:
        while True:
            with lock:
                following = next(requests, None)
            if following is None:
                return
            ask(port, following, result, lock)

    watcher = context.Process(target=watch, args=(port, stop, seen))
    watcher.start()
    threads = [threading.Thread(target=connect) for _ in range(connections)]
    idler = threading.Thread(target=idle, args=(port, stop))
    for thread in (idler, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    idler.join()
    result.livez, result.looks, wrong = seen.get(timeout=PATIENCE)
    watcher.join()
    result.wrong += wrong
    return result


def main() -> None:
    """Create a project, serve it, and print the result."""
    from load import running
    from soak import SERVE, project, small

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=150, help="number of calls of which one is an attack")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="volant-fuzz-") as folder:
        (root := Path(folder) / "project").mkdir()
        project(root, small(Path(folder)))
        with running(SERVE, root, "readyz", {"VOLANT_ADMIN_TOKEN": ADMIN}) as (port, process):
            start = time.perf_counter()
            result = fuzz(port, options.calls, options.seed, options.every, options.connections)
            seconds = time.perf_counter() - start
            tracebacks = (root / f"{port}.log").read_text().count("Traceback")
            stopping = time.perf_counter()
            process.terminate()
            while process.status() != psutil.STATUS_ZOMBIE and time.perf_counter() - stopping < PATIENCE:
                time.sleep(0.05)
            stopped = time.perf_counter() - stopping
    tree = {
        "calls": result.calls,
        "seconds": round(seconds, 1),
        "statuses": dict(sorted(result.statuses.items())),
        "livez_slowest": round(result.livez, 3),
        "livez_looks": result.looks,
        "slowest": round(result.slowest, 2),
        "tracebacks": tracebacks,
        "stop_seconds": round(stopped, 1),
        "wrong": result.wrong[:20],
    }
    print(json.dumps(tree) if options.json else "\n".join(f"{name:>14}  {value}" for name, value in tree.items()))
    sys.exit(0 if result.passed else 1)


if __name__ == "__main__":
    main()
