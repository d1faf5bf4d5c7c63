"""Two workers are one service: they follow, deploy, count, work and stop together; feedback finds answers of both."""

import json
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil
import pytest

from support.serving import ADMIN, DULL, FILM, Server, serving, workers
from support.traffic import captured, done, result, send
from volant.monitor.captures import sampled
from volant.tracking.registry import registry

PERCENT = 50
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def two(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("two") / "p"
    shutil.copytree(made, root)
    (root / "service.yaml").write_text(f"ui: false\ncapture: {{flush_seconds: 0.5, percent: {PERCENT}}}\n")
    with serving(root, output=root / "said", VOLANT_WORKERS="2") as running:
        deadline = time.monotonic() + 90
        for worker in workers(running):
            while True:
                try:
                    assert all(model["ready"] for model in at(running, worker, "GET", "/models")[1]["models"])
                    break
                except (AssertionError, OSError):
                    assert time.monotonic() < deadline
                    time.sleep(0.2)
        yield running


def at(server: Server, worker: psutil.Process, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Ask one of the workers: a connection stays with the one that took it."""
    for _ in range(200):
        connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("GET", "/livez")
        connection.getresponse().read()
        own = connection.sock.getsockname()[1] if connection.sock else None
        if any(one.raddr and one.raddr.port == own for one in worker.net_connections("tcp")):
            headers = {**JSON, "Authorization": f"Bearer {ADMIN}"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            text = response.read().decode()
            connection.close()
            return response.status, json.loads(text) if text.startswith(("{", "[")) else text
        connection.close()
    raise AssertionError(f"worker {worker.pid} takes no connections")


def until(true: Any, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)


def counted(server: Server, worker: psutil.Process) -> float:
    page = at(server, worker, "GET", "/metrics")[1]
    line = next(
        line for line in page.splitlines() if line.startswith('volant_requests_total{model="reviews",status="200"')
    )
    return float(line.split()[-1])


def test_there_are_two(two: Server) -> None:
    assert len(workers(two)) == 2
    said = (two.root / "said").read_text()
    assert said.count("Volant: API at ") == 1, said  # and not once for each


def test_feedback_finds_an_answer_of_the_other_one(two: Server) -> None:
    first, second = workers(two)
    rows = at(two, first, "POST", "/predict", {"texts": [FILM] * 20, "model": "reviews"})[1]["predictions"]
    unsampled = next(row["id"] for row in rows if not sampled(row["id"], PERCENT))
    status, given = at(two, second, "POST", "/feedback", {"id": unsampled, "correct": True})
    assert (status, given["status"]) == (200, "quarantined")
    [item] = [one for one in at(two, first, "GET", "/feedback?flywheel=reviews")[1] if one["id"] == given["id"]]
    assert (item["text"], item["predicted"], item["version"]) == (FILM, ["fresh"], "1")
    until(lambda: unsampled in captured(two.root, "reviews"))  # it was not sampled, and feedback keeps it


def test_both_add_up_in_metrics(two: Server) -> None:
    first, second = workers(two)
    before = counted(two, first)
    for worker, times in ((first, 10), (second, 7)):
        for _ in range(times):
            assert at(two, worker, "POST", "/predict", {"texts": [FILM], "model": "reviews"})[0] == 200
    assert counted(two, first) == counted(two, second) == before + 17


def test_both_follow_a_promotion(two: Server) -> None:
    with registry(two.root) as opened:
        opened.promote("reviews", 2)
    for worker in workers(two):
        until(lambda worker=worker: version(two, worker, "reviews") == "2")


def version(server: Server, worker: psutil.Process, name: str) -> str | None:
    return at(server, worker, "POST", "/predict", {"texts": [FILM], "model": name})[1].get("version")


def test_a_deployment_of_one_is_one_of_the_other(two: Server) -> None:
    first, second = workers(two)
    asked = {"name": "third", "flywheel": "reviews", "version": 3}
    assert at(two, first, "POST", "/deployments", asked)[0] == 201
    assert version(two, first, "third") == "3"
    assert version(two, second, "third") == "3"
    assert at(two, second, "DELETE", "/deployments/third")[0] == 204
    assert version(two, second, "third") is None
    until(lambda: version(two, first, "third") is None, 5)


def test_one_of_them_works_on_jobs(two: Server) -> None:
    jobs = [send(two, 5000) for _ in range(4)]
    for job in jobs:
        assert done(two, job["id"])["state"] == "COMPLETED"
        numbers = [json.loads(line)["line"] for line in result(two, job["id"]).splitlines()]
        assert numbers == list(range(1, 5001))
    inode = (two.root / ".volant/service/jobs/worker.lock").stat().st_ino
    held = [line.split() for line in Path("/proc/locks").read_text().splitlines() if f":{inode} " in line]
    assert [int(fields[4]) for fields in held if fields[1] == "FLOCK"] in [[one.pid] for one in workers(two)]


def test_a_stop_of_both_loses_nothing_that_was_accepted(two: Server) -> None:
    texts = [FILM, DULL] * 20
    body = json.dumps({"texts": texts, "model": "topics"})
    outcomes: Counter[str] = Counter()
    ids: list[str] = []
    some = threading.Event()
    turns = iter(range(200))

    def ask() -> None:
        for _ in turns:
            connection = HTTPConnection("127.0.0.1", two.port, timeout=60)
            try:
                connection.request("POST", "/predict", body, JSON)
                response = connection.getresponse()
                rows = json.loads(response.read())["predictions"]
                ids.extend(row["id"] for row in rows)
                outcomes[str(response.status)] += 1
            except ConnectionError:  # refused, or ended before anybody read from it
                outcomes["refused"] += 1
            finally:
                connection.close()
            if outcomes["200"] >= 60:
                some.set()

    asking = [threading.Thread(target=ask) for _ in range(16)]
    for thread in asking:
        thread.start()
    assert some.wait(60)
    two.process.send_signal(signal.SIGTERM)
    for thread in asking:
        thread.join()
    two.process.wait(30)
    assert set(outcomes) == {"200", "refused"}, outcomes
    assert sum(outcomes.values()) == 200
    assert len(ids) == outcomes["200"] * len(texts)
    assert captured(two.root, "topics") == {one for one in ids if sampled(one, PERCENT)}
