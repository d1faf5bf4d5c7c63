"""A real service for tests: started, asked, killed."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil
import pytest

from support.shared import once
from support.texts import reviews, topics
from support.versions import TREE, another, record
from volant import config
from volant.bundle.bundle import GOLDEN
from volant.bundle.manifest import seal
from volant.config import Flywheel
from volant.service.deployments.watcher import Watcher
from volant.stages.train import train
from volant.tracking.registry import registry
from volant.workspace.files import write_table

OFFLINE = {"DVC_NO_ANALYTICS": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "BENTOML_DO_NOT_TRACK": "True"}
FOREIGN = ("VOLANT_", "MLFLOW_", "AWS_", "BENTOML_", "PROMETHEUS_")
FILM, DULL = "the film was superb and the cast was lovely", "the plot was dull and the ending was awful"
ADMIN = "only-for-tests"


@dataclass
class Server:
    """A running service."""

    port: int
    process: subprocess.Popen[bytes]
    root: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
        """Status, the JSON of the answer (or its text), headers."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=90)
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        told = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, data, told)
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        found = {name.lower(): value for name, value in response.getheaders()}
        return (
            response.status,
            json.loads(text) if text and found.get("content-type") == "application/json" else text,
            found,
        )

    def admin(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """As whoever has the admin token."""
        return self.call(method, path, body, Authorization=f"Bearer {ADMIN}")[:2]

    def model(self, name: str) -> dict[str, Any]:
        return next(model for model in self.call("GET", "/models")[1]["models"] if model["name"] == name)

    def until(self, name: str, key: str, wanted: Callable[[Any], bool], seconds: float = 60) -> Any:
        """What GET /models says of a model, as soon as it is what is wanted."""
        deadline = time.monotonic() + seconds
        while not wanted(found := self.model(name)[key]):
            assert time.monotonic() < deadline, (name, key, found)
            time.sleep(0.1)
        return found


@contextmanager
def serving(
    root: Path,
    what: str = "volant.service:Volant",
    output: Path | str = "",
    probe: str = "readyz",
    **environment: str,
) -> Iterator[Server]:
    """A server of a project, as soon as `probe` answers 200; what it says goes to the file `output`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    told = {**kept, **OFFLINE, "VOLANT_ADMIN_TOKEN": ADMIN, **environment}
    command = [sys.executable, "-m", "bentoml", "serve", what, "--port", str(port)]
    with Path(output or os.devnull).open("wb") as file:
        said: Any = file if output else None
        process = subprocess.Popen(command, cwd=root, env=told, stdout=said, stderr=said and subprocess.STDOUT)
    try:
        ready(process, port, probe)
        yield Server(port, process, root)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            kill(process.pid)
            raise


def kill(pid: int) -> None:
    """As a crash would, and all that it started: not a line of Python runs after it."""
    with suppress(psutil.NoSuchProcess):
        doomed = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        for one in doomed:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(doomed, 10)


def workers(server: Server) -> list[psutil.Process]:
    """The processes that answer; each may have others beside it."""
    return psutil.Process(server.process.pid).children()


def ready(process: subprocess.Popen[bytes], port: int, probe: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{probe}", timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"not ready: {process.poll()}")


def trained(name: str, folder: Path) -> Path:
    """A tiny linear bundle of the flywheel `reviews` or `topics`."""
    make, kind = (reviews, "classify") if name == "reviews" else (topics, "multilabel")
    for seed, (split, count) in enumerate({"train": 200, "validation": 60}.items()):
        write_table(make(count, seed), folder / "data" / f"{split}.parquet")
    flywheel = config.validate(Flywheel, {**TREE, "kind": kind}, "flywheel")
    train(name, flywheel, folder / "data", folder / name, folder / "work")
    return folder / name


def broken(first: Path, folder: Path) -> None:
    """A bundle that is sealed, and doesn't answer its golden texts as it says."""
    another(first, folder, 99)
    lines = [json.loads(line) for line in (folder / GOLDEN).read_text().splitlines()]
    for line in lines:
        line["scores"] = {label: 1 - score for label, score in line["scores"].items()}
    (folder / GOLDEN).write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    manifest = json.loads((folder / "manifest.json").read_text())
    kept = {name: value for name, value in manifest.items() if name not in ("schema", "files", "digest")}
    seal(folder, kept)


@pytest.fixture(scope="session")
def made(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with versions 1 to 3 of `reviews` (1 is active), 4 which is broken, and one of `topics`."""
    return once(tmp_path_factory, "made", lambda folder: make_served(folder, tables)) / "my project"


def make_served(folder: Path, tables: Path) -> None:
    work, root = folder / "work", folder / "my project"
    root.mkdir()
    shutil.copy(tables, root / "mlflow.db")
    with registry(root) as opened:
        for name, count in (("reviews", 3), ("topics", 1)):
            first = trained(name, work / name)
            for number in range(1, count + 1):
                another(first, work / f"{name}{number}", number)
                opened.register(name, work / f"{name}{number}", record(), by="ann")
                opened.approve(name, number, by="bob")
            opened.promote(name, 1)
        broken(work / "reviews1", work / "reviews4")
        opened.register("reviews", work / "reviews4", record(), by="ann")
        opened.approve("reviews", 4, by="bob")
    (root / "params.yaml").write_text("seed: 1\nflywheels:\n  reviews: {}\n  topics: {}\n")
    (root / "service.yaml").write_text("ui: false\n")  # the pages are a process of their own, with tests of their own
    Watcher(root).update({"reviews/champion", "topics/champion"})  # as if it had been served before: starts quickly


@pytest.fixture(scope="module")
def project(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of it for the tests of one file: the lake of its registry stays where it was made."""
    root = tmp_path_factory.mktemp("project") / "my project"
    shutil.copytree(made, root)
    return root


@pytest.fixture(scope="module")
def server(project: Path) -> Iterator[Server]:
    with serving(project) as running:
        yield running
