"""What all tests share: no network, no accounts, one clean environment."""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.databases import INITDB, new_database, server
from support.tiny import data, tiny_encoder, trained  # noqa: F401  (trained once for all tests)

# Read when torch is loaded. Threads that wait awake take the core of the other test process: five times as slow.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# children (pip, dvc, mlflow) must be as offline as this process
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "DVC_NO_ANALYTICS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
FOREIGN = (
    "VOLANT_",
    "MLFLOW_TRACKING_",
    "AWS_ACCESS",
    "AWS_SECRET",
    "AWS_ENDPOINT",
    "AWS_PROFILE",
    "AWS_SESSION",
)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(FOREIGN):
            monkeypatch.delenv(name)
    for name, value in OFFLINE.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that leaves this machine, with a message that says so."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else "local"
        if host not in ("127.0.0.1", "::1", "localhost", "local") and not str(host).startswith("127."):
            raise OSError(f"tests use no network, and this one asked for {host}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with its tables, made once: that takes seconds."""
    from mlflow.tracking import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def project_root(tmp_path: Path, tables: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a registry of its own, where we are."""
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "AWS_"))]:
        monkeypatch.delenv(name)
    root = tmp_path / "my project"
    root.mkdir()
    shutil.copy(tables, root / "mlflow.db")
    monkeypatch.chdir(root)
    return root


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a real PostgreSQL server."""
    if not INITDB:
        pytest.skip("needs PostgreSQL's initdb (Debian: apt-get install postgresql)")
    with server(INITDB) as address:
        yield address


@pytest.fixture
def database(postgresql: str) -> str:
    """The URL of an empty database on it."""
    return new_database(postgresql)
