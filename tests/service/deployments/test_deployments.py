"""What is deployed can be had and is freed again, with a registry or without one; in this process and on a server."""

import asyncio
import gc
import http.client
import shutil
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from support.serving import FILM, Server, kill, serving, workers
from volant.kinds.record import Annotation
from volant.service.api.deployments import DeploymentAdmin
from volant.service.deployments import watcher
from volant.service.deployments.deployments import Deployment
from volant.service.deployments.pool import ModelPool
from volant.service.deployments.slots import Target
from volant.service.errors import RefusedError
from volant.service.settings import Settings
from volant.service.state import State
from volant.service.telemetry.metrics import Metrics
from volant.tracking.registry import registry

FETCHED = Path(".volant/versions")


def models() -> ModelPool:
    return ModelPool(Settings(), Metrics(CollectorRegistry()))


def target(root: Path, flywheel: str = "reviews", version: str = "1") -> Target:
    return Target(flywheel, version, root / FETCHED / flywheel / version)


@contextmanager
def state(root: Path, follow: bool = True) -> Iterator[State]:
    made = State(root, metrics=Metrics(CollectorRegistry()))
    try:
        if follow:
            made.follow()
        yield made
    finally:
        made.close()


def answering() -> int:
    return sum(thread.name == "answers" for thread in threading.enumerate())


def until(true: Callable[[], Any], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)


def test_a_removed_model_leaves_neither_its_thread_nor_its_bundle(made: Path) -> None:
    found = models()
    before = answering()
    assert found.set("reviews", target(made))
    assert found.set("also", target(made))  # the same bundle under two names is one
    assert answering() == before + 1
    bundle = weakref.ref(found.current("also").bundle)
    found.remove("reviews")
    assert asyncio.run(found.predict("also", [FILM])).annotations[0].label == "fresh"
    found.remove("also")
    until(lambda: answering() == before, 10)
    gc.collect()
    assert bundle() is None


def test_a_stop_waits_for_what_was_replaced(made: Path) -> None:
    found = models()
    before = answering()
    begun = threading.Event()
    assert found.set("reviews", target(made))

    def slowly(texts: Sequence[str]) -> list[Annotation]:
        begun.set()
        time.sleep(0.5)
        return [Annotation(label="fresh", scores={"fresh": 1.0}) for _ in texts]

    slow = found._load(replace(target(made), version="slow"))
    slow.batcher._predict = slowly
    found._swap("reviews", found.slots["reviews"], slow)

    async def ask() -> str | None:
        asked = asyncio.create_task(found.predict("reviews", [FILM]))
        await asyncio.to_thread(begun.wait)
        found.remove("reviews")
        found.close()
        assert answering() == before
        return (await asked).annotations[0].label

    assert asyncio.run(ask()) == "fresh"


def test_deploy_and_remove_come_back_to_as_many_threads(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, root := tmp_path / "p")
    with registry(root) as opened:
        assert opened.fetch("reviews", 2).parent == opened.fetch("reviews", 3).parent
    (root / "mlflow.db").unlink()  # what was fetched needs no registry
    with state(root) as service:
        admin = DeploymentAdmin(service)
        before = answering()
        for number in (2, 3):
            assert admin.deploy("en", "reviews", number)["version"] == str(number)
            assert answering() == before + 1
            admin.remove("en")
            until(lambda: answering() == before, 10)


def test_a_rollback_needs_no_registry_and_is_remembered(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, root := tmp_path / "p")
    with serving(root) as server:
        with registry(root) as opened:
            opened.promote("reviews", 2)
        server.until("reviews", "version", lambda version: version == "2")
        (root / "mlflow.db").unlink()
        begun = time.monotonic()
        status, found = server.admin("POST", "/deployments/reviews/rollback")
        assert (status, found["version"], found["pinned"], found["error"]) == (200, "1", 1, None)
        assert time.monotonic() - begun < 2
        assert server.call("POST", "/predict", {"texts": [FILM], "model": "reviews"})[1]["version"] == "1"
        until(lambda: server.call("GET", "/models")[1]["registry"])  # the watcher has come upon it
        time.sleep(0.5)
        assert (server.model("reviews")["version"], server.model("reviews")["error"]) == ("1", None)
        # a worker that has nothing in memory takes what was fetched before
        kill(workers(server)[0].pid)
        again(server, "reviews")
        assert (server.model("reviews")["version"], server.model("reviews")["error"]) == ("1", None)


def again(server: Server, name: str) -> None:
    def answers() -> bool:
        try:
            return server.model(name)["ready"]
        except (OSError, http.client.HTTPException, StopIteration, TypeError):
            return False

    until(answers)


def test_the_registry_has_the_last_word_on_what_was_pinned_without_it(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, root := tmp_path / "p")
    (root / "mlflow.db").rename(root / "away.db")
    with state(root) as service:
        admin = DeploymentAdmin(service)
        assert admin.deploy("en", "reviews", 1)["version"] == "1"  # in memory, as `reviews`
        with pytest.raises(RefusedError, match="no registry here"):
            admin.deploy("other", "reviews", 9)
        (root / "away.db").rename(root / "mlflow.db")
        assert service.follower
        until(lambda: service.follower and service.follower.error is None)
        assert admin.deploy("other", "reviews", 3)["version"] == "3"
        assert admin.get("en")["error"] is None


def test_a_packaged_service_writes_nothing_before_it_refuses(made: Path, tmp_path: Path) -> None:
    with state(tmp_path, follow=False) as service:
        service.load({"reviews": (made / FETCHED / "reviews/1", "1")})
        admin = DeploymentAdmin(service)
        service.deployments.add(Deployment("left", "reviews"))  # by another service, in this folder
        before = service.deployments.path.read_bytes()
        for ask in (
            lambda: admin.deploy("x", "reviews"),
            lambda: admin.change("left", "right"),
            lambda: admin.rollback("left"),
            lambda: admin.remove("left"),
        ):
            with pytest.raises(RefusedError, match="packaged service") as refused:
                ask()
            assert refused.value.status == 409
        assert service.deployments.path.read_bytes() == before
        assert service.ready()


def test_ready_is_whoever_has_nothing_to_wait_for(made: Path, tables: Path, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("flywheels:\n  reviews: {}\n")
    with state(tmp_path) as service:  # before the first `make run`
        assert [one.name for one in service.deployments.all()] == ["reviews"]
        assert service.ready()
        shutil.copy(tables, tmp_path / "mlflow.db")  # a registry without any version
        until(lambda: "no champion" in (service.models.slots["reviews"].error or ""))
        assert service.ready()
    shutil.copytree(made, root := tmp_path / "p")
    (root / watcher.FILE).unlink()  # nothing was found yet
    with registry(root) as opened:
        opened.promote("reviews", 4)  # it is broken
    with state(root) as service:
        until(service.ready)  # topics answers
        until(lambda: service.models.slots["reviews"].refused)
        service.deployments.remove("topics")
        until(lambda: "topics" not in service.models.slots)
        assert not service.ready()
        service.deployments.remove("reviews")
        until(lambda: not service.models.slots)
        assert service.ready()


def test_not_ready_where_the_registry_is_down_at_the_first_start(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("flywheels:\n  reviews: {}\n")
    (tmp_path / "service.yaml").write_text("ui: false\n")
    with serving(tmp_path, probe="livez", MLFLOW_TRACKING_URI="http://127.0.0.1:9") as server:
        assert server.call("GET", "/readyz")[0] == server.call("GET", "/ping")[0] == 503
        assert "127.0.0.1:9 can't be used" in server.model("reviews")["error"]
        assert server.admin("DELETE", "/deployments/reviews")[0] == 204
        assert server.call("GET", "/readyz")[0] == 200


def test_what_was_just_deployed_is_waited_for_and_is_never_unknown(made: Path, tmp_path: Path) -> None:
    with state(tmp_path, follow=False) as service:
        found = service.models
        service.deployments.add(Deployment("en", "reviews"))

        async def ask(name: str) -> str | None:
            return (await service.answer(name, [FILM])).version

        async def meanwhile() -> str | None:
            asked = asyncio.create_task(ask("en"))
            await asyncio.sleep(0.3)
            assert not asked.done()
            await asyncio.to_thread(found.set, "en", target(made))
            return await asked

        found.is_deployed = service.deployments.has  # as a service that follows does
        assert asyncio.run(meanwhile()) == "1"
        service.deployments.add(Deployment("de", "reviews"))
        begun = time.monotonic()
        with pytest.raises(RefusedError, match="'de' is being loaded") as refused:
            asyncio.run(ask("de"))
        assert (refused.value.status, refused.value.retry_after) == (503, 1)
        assert 2 < time.monotonic() - begun < 6
        begun = time.monotonic()
        service.deployments.remove("de")
        with pytest.raises(RefusedError, match="No model is deployed as 'de'") as refused:
            asyncio.run(ask("de"))
        assert refused.value.status == 404
        assert time.monotonic() - begun < 1


def test_a_request_that_breaks_is_counted_too(made: Path, tmp_path: Path) -> None:
    def broken(_: Sequence[str]) -> list[Annotation]:
        raise ZeroDivisionError

    with state(tmp_path, follow=False) as service:
        assert service.models.set("reviews", target(made))
        service.models.current("reviews").batcher._predict = broken
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                asyncio.run(service.answer("reviews", [FILM]))
        assert b'volant_requests_total{model="reviews",status="500"} 2.0' in service.metrics.page()
