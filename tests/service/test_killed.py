"""Kill -9 of everything, and a start: what was acknowledged is there again."""

import shutil
import time
from pathlib import Path
from typing import Any

import psutil

from support.serving import DULL, FILM, Server, kill, serving, workers
from support.traffic import captured, done, result, send
from volant.monitor.captures import sampled

LINES, FLUSH, PERCENT = 100_000, 1, 50
SETTINGS = f"ui: false\ncapture: {{flush_seconds: {FLUSH}, percent: {PERCENT}}}\n"


def working(server: Server, identity: str) -> dict[str, Any]:
    """The job, as soon as some of it is done."""
    deadline = time.monotonic() + 60
    while not (job := server.call("GET", f"/jobs/{identity}")[1])["done"]:
        assert time.monotonic() < deadline, job
        time.sleep(0.02)
    assert job["state"] == "IN_PROGRESS", "too few lines to be killed in between"
    return job


def say(server: Server, **said: Any) -> dict[str, Any]:
    status, told, _ = server.call("POST", "/feedback", {"model": "reviews", **said})
    assert status == 200, told
    return told


def items(server: Server) -> dict[str, Any]:
    return {item["id"]: item for item in server.admin("GET", "/feedback?flywheel=reviews")[1]}


def asking(server: Server, seconds: float) -> list[tuple[str, float]]:
    """Ids of answers, and when they came."""
    found, end = [], time.time() + seconds
    while time.time() < end:
        told = server.call("POST", "/predict", {"texts": [FILM, DULL], "model": "films"})[1]
        found += [(row["id"], time.time()) for row in told["predictions"]]
    return found


def test_after_a_kill_of_everything_all_is_there_again(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, root := tmp_path / "p")
    (root / "service.yaml").write_text(SETTINGS)
    with serving(root) as server:
        server.admin("POST", "/deployments", {"name": "added", "flywheel": "reviews", "version": 2})
        server.admin("POST", "/deployments", {"name": "first", "flywheel": "reviews", "version": 3})
        server.admin("PATCH", "/deployments/first", {"name": "films"})
        assert server.admin("DELETE", "/deployments/topics")[0] == 204
        short = send(server, 100)
        assert done(server, short["id"])["state"] == "COMPLETED"
        before = result(server, short["id"])
        waiting, good = say(server, text=DULL, label="rotten")["id"], say(server, text=FILM, label="fresh")["id"]
        asked = {"flywheel": "reviews", "ids": [good], "decision": "accept"}
        assert server.admin("POST", "/feedback/review", asked)[0] == 200
        told = items(server)
        answers = asking(server, 3)
        long = send(server, LINES)
        part = working(server, long["id"])
        answers += asking(server, 0.3)
        everything = psutil.Process(server.process.pid).children(recursive=True)
        assert len(everything) >= 2  # a worker, and its watcher
        killed = time.time()
        kill(server.process.pid)
    assert not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in everything)
    kept, wanted = captured(root), [(one, at) for one, at in answers if sampled(one, PERCENT)]
    assert {one for one, at in wanted if at < killed - FLUSH - 1} <= kept <= {one for one, _ in wanted}

    with serving(root) as server:
        models = {
            m["name"]: (m["flywheel"], m["version"], m["pinned"]) for m in server.call("GET", "/models")[1]["models"]
        }
        assert models == {
            "added": ("reviews", "2", 2),
            "films": ("reviews", "3", 3),
            "reviews": ("reviews", "1", None),
        }
        assert result(server, short["id"]) == before
        assert items(server) == told
        assert {told[one]["status"] for one in (waiting, good)} == {"quarantined", "accepted"}
        # of an answer that was given before the kill, and not sampled
        unsampled = next(one for one, at in reversed(answers) if not sampled(one, PERCENT) and at < killed - 1)
        given = say(server, id=unsampled, correct=True)
        assert items(server)[given["id"]]["text"] in (FILM, DULL)
        assert done(server, long["id"])["state"] == "COMPLETED"
        resumed, again = result(server, long["id"]), send(server, LINES)
        assert done(server, again["id"])["state"] == "COMPLETED"
        assert resumed == result(server, again["id"])
        assert 0 < part["done"] < resumed.count(b"\n") == LINES
        worker_alone(server)


def worker_alone(server: Server) -> None:
    """What a worker started ends when it is killed, and nobody else is: not a watcher is left over."""
    [worker] = workers(server)
    beside = worker.children(recursive=True)
    assert beside
    worker.kill()
    _, alive = psutil.wait_procs(beside, 10)
    assert not alive
