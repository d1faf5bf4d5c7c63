"""Deployments and versions change while clients ask: nobody notices, and a restart forgets nothing."""

import shutil
import signal
import threading
import time
from collections import Counter
from http.client import HTTPConnection
from pathlib import Path

import orjson
import pytest

from support.serving import DULL, FILM, Server, serving, workers
from volant.tracking.registry import registry

SECONDS = 12
LONG = 60
CONNECTIONS = 16
BROKEN = 4
TURNS = (2, 3, 1, 3, 2, BROKEN)
ASKED = orjson.dumps({"texts": [FILM, DULL], "model": "reviews"})


class Load:
    """Clients that ask without a pause; what they got, by status, version and labels."""

    def __init__(self, server: Server, clients: int) -> None:
        self._server = server
        self._stop = threading.Event()
        self.seen: Counter[tuple[object, ...]] = Counter()
        self.changes: list[list[object]] = [[] for _ in range(clients)]
        self._threads = [threading.Thread(target=self._ask, args=(changes,)) for changes in self.changes]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def versions(self) -> set[object]:
        return {version for _, version, *_ in self.seen}

    def _ask(self, changes: list[object]) -> None:
        connection = HTTPConnection("127.0.0.1", self._server.port, timeout=60)
        while not self._stop.is_set():
            try:
                connection.request("POST", "/predict", ASKED, {"Content-Type": "application/json"})
                response = connection.getresponse()
                tree = orjson.loads(response.read())
                labels = tuple(row["label"] for row in tree.get("predictions", []))
                self.seen[response.status, tree.get("version"), labels] += 1
                if changes[-1:] != [tree.get("version")]:
                    changes.append(tree.get("version"))
            except OSError as error:
                self.seen[repr(error), None, ()] += 1
                connection.close()


@pytest.mark.parametrize("seconds", [SECONDS, pytest.param(LONG, marks=pytest.mark.long)])
def test_versions_change_under_load_and_no_request_fails(made: Path, tmp_path: Path, seconds: int) -> None:
    shutil.copytree(made, root := tmp_path / "p")
    with serving(root) as server:
        swapped(server, root, seconds)


def swapped(server: Server, project: Path, seconds: int) -> None:
    begun = time.monotonic()
    error = ""
    with Load(server, CONNECTIONS) as load:
        for turn, number in enumerate(TURNS):
            time.sleep(max(0, begun + turn * seconds / (len(TURNS) + 1) - time.monotonic()))
            with registry(project) as opened:
                opened.promote("reviews", number)
            if number == BROKEN:
                error = server.until("reviews", "error", bool)
            else:
                server.until("reviews", "version", lambda version, wanted=str(number): version == wanted)
        assert server.model("reviews")["version"] == "2"
        time.sleep(max(1, begun + seconds - time.monotonic()))
    assert {(status, labels) for status, _, labels in load.seen} == {(200, ("fresh", "rotten"))}
    assert load.versions() == {"1", "2", "3"}
    # on each connection, as requests on it come one after the other
    assert all(changes == ["1", "2", "3", "1", "3", "2"] for changes in load.changes), load.changes
    assert sum(load.seen.values()) > 1000 * seconds / LONG
    assert f"version {BROKEN} was refused, version 2 stays in use" in error
    assert "golden texts are answered differently" in error
    assert server.model("reviews")["swaps"] == 5
    assert 'volant_swaps_total{model="reviews",outcome="refused"} 1' in server.call("GET", "/metrics")[1]
    with registry(project) as opened:
        opened.rollback("reviews")
    server.until("reviews", "error", lambda error: error is None)


def test_deployments_come_and_go_and_a_kill_forgets_none(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, root := tmp_path / "p")
    with serving(root) as server:
        status, found = server.admin("POST", "/deployments", {"name": "en", "flywheel": "reviews", "version": 2})
        assert (status, found["version"], found["pinned"], found["follow"]) == (201, "2", 2, None)
        assert server.call("POST", "/predict", {"texts": [FILM], "model": "en"})[1]["version"] == "2"
        assert server.admin("POST", "/deployments", {"name": "en", "flywheel": "topics"})[0] == 409
        status, found = server.admin("POST", "/deployments", {"name": "x", "flywheel": "reviews", "version": 9})
        assert (status, "reviews has no version 9. There are: 1, 2, 3, 4" in found["error"]) == (422, True)
        status, found = server.admin("POST", "/deployments", {"name": "x", "flywheel": "reviews", "version": 4})
        assert (status, "golden texts" in found["error"]) == (422, True)
        assert server.call("POST", "/deployments", {"name": "x", "flywheel": "topics"})[0] == 401
        for name in ("../x", "a/b", "", "x" * 101):
            assert server.admin("POST", "/deployments", {"name": name, "flywheel": "topics"})[0] == 422
        status, found = server.admin("PATCH", "/deployments/en", {"name": "english", "version": 3})
        assert (status, found["name"], found["version"], found["previous"]) == (200, "english", "3", None)
        assert server.call("POST", "/predict", {"texts": [FILM], "model": "en"})[0] == 404
        status, found = server.admin("PATCH", "/deployments/english", {"version": 4})
        assert status == 422
        assert server.model("english")["version"] == "3"
        assert server.admin("PATCH", "/deployments/english", {"follow": "champion"})[1]["version"] == "1"
        assert server.admin("POST", "/deployments/english/rollback")[1]["version"] == "3"
        assert server.admin("DELETE", "/deployments/topics")[0] == 204
        assert server.admin("DELETE", "/deployments/topics")[0] == 404
        before = server.call("GET", "/models")[1]["models"]
        kill_workers(server)
        again(server, "english")
        after = server.call("GET", "/models")[1]["models"]
    told = ("name", "flywheel", "pinned", "follow", "version", "error")
    assert [{key: model[key] for key in told} for model in after] == [{key: m[key] for key in told} for m in before]
    assert [model["name"] for model in after] == ["english", "reviews"]


def test_a_stop_answers_what_was_accepted(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, root := tmp_path / "p")
    (root / "mlflow.db").unlink()  # the registry is gone: what is known is served
    found: list[int] = []
    with serving(root) as server:
        assert server.until("reviews", "version", bool) == "1"
        assert "no registry here" in registry_error(server)

        def ask() -> None:
            found.append(server.call("POST", "/predict", {"texts": [FILM * 20] * 1000, "model": "reviews"})[0])

        asking = [threading.Thread(target=ask) for _ in range(3)]
        for thread in asking:
            thread.start()
        time.sleep(0.4)
        server.process.send_signal(signal.SIGTERM)
        for thread in asking:
            thread.join()
    assert found == [200, 200, 200]


def registry_error(server: Server) -> str:
    """What the service says of its registry, once the watcher has looked."""
    deadline = time.monotonic() + 30
    while not (error := server.call("GET", "/models")[1]["registry"]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return error


def kill_workers(server: Server) -> None:
    """As a crash would: not a line of Python runs after it."""
    for worker in workers(server):
        worker.kill()


def again(server: Server, name: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if server.model(name)["ready"]:
                return
        except (OSError, ValueError, StopIteration):
            pass
        time.sleep(0.1)
    raise AssertionError("it did not come back")
