"""Answers made up for tests, a service state, and a real S3 server."""

import os
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import JSONResponse

from support.lake import project, template  # noqa: F401  (fixtures)
from support.projects import free_port
from support.shared import once
from support.texts import reviews
from support.tiny import TINY, flywheel
from volant.bundle.bundle import Bundle
from volant.kinds.record import Annotation
from volant.monitor.captures import PredictionEvent
from volant.service.deployments.slots import Target
from volant.service.errors import RefusedError
from volant.service.state import State
from volant.service.telemetry.metrics import Metrics
from volant.stages.train import train
from volant.workspace import s3_server
from volant.workspace.files import write_table

TIME = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def answered(
    event_id: str,
    text: str = "a lovely film",
    label: str = "fresh",
    model: str = "reviews",
    flywheel: str | None = None,
) -> PredictionEvent:
    scores = {"fresh": 0.1, "rotten": 0.1, label: 0.9}
    return PredictionEvent(event_id, model, "3", text, "classify", Annotation(label, scores=scores), TIME, flywheel)


@pytest.fixture(scope="session")
def s3_keys() -> tuple[str, str]:
    return secrets.token_hex(8), secrets.token_hex(16)


@pytest.fixture(scope="session")
def s3_started(tmp_path_factory: pytest.TempPathFactory, s3_keys: tuple[str, str]) -> Iterator[tuple[Path, str]]:
    folder, port = tmp_path_factory.mktemp("s3"), free_port()
    (folder / "bucket").mkdir()
    with s3_server.server(folder, port, s3_keys):
        yield folder, s3_server.address(port)


@pytest.fixture
def s3(s3_started: tuple[Path, str], s3_keys: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """The server's folder and address, with its keys where S3 clients look for them."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_keys[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_keys[1])
    return s3_started


def lake_on(root: Path, url: str, endpoint: str) -> None:
    """Point a project's lake there, as `volant lake` does."""
    (root / ".dvc").mkdir(parents=True, exist_ok=True)
    config = f"[core]\n    remote = lake\n['remote \"lake\"']\n    url = {url}\n    endpointurl = {endpoint}\n"
    (root / ".dvc" / "config").write_text(config)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A small trained bundle of the flywheel `mine`."""

    def make(folder: Path) -> None:
        for seed, (split, count) in enumerate({"train": 240, "validation": 80, "test": 80}.items()):
            write_table(reviews(count, seed), folder / "data" / f"{split}.parquet")
        train("mine", flywheel("classify", TINY["linear"]), folder / "data", folder / "bundle", folder / "work")

    return Bundle.load(once(tmp_path_factory, "mine", make) / "bundle")


@pytest.fixture
def state(tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> Iterator[State]:
    """A service that has one model, `films`, a version of the flywheel `mine`."""
    monkeypatch.setenv("VOLANT_ADMIN_TOKEN", "hush")
    made = State(tmp_path, metrics=Metrics(CollectorRegistry()))
    assert made.models.set("films", Target("mine", "3", bundle.folder))
    yield made
    made.close()


def app() -> FastAPI:
    """An app that tells of refusals as the service's does."""
    made = FastAPI()

    async def refused(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RefusedError)
        headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
        return JSONResponse({"error": str(error)}, error.status, headers)

    made.add_exception_handler(RefusedError, refused)
    return made


ADMIN = {"Authorization": "Bearer hush"}
