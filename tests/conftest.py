"""What all tests share: no network, no accounts, one clean environment."""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.databases import INITDB, new_database, server
from support.shared import once
from support.tiny import data, parts_encoder, tiny_encoder, trained  # noqa: F401  (trained once for all tests)

# Read when torch and NumPy are loaded. Threads that wait awake take the core of the other test process: torch is five
# times as slow then, and SciPy's small problems, which NumPy's BLAS shares among threads, fourteen times.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

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


# Folders whose files take longest: they come first, so that no process is left alone with one of them at the end.
LONGEST = ("flows", "service", "sweep", "tracking", "models")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files; `make test` tells pytest-xdist to keep to it."""
    folders = [f"/tests/{name}/" for name in LONGEST]
    items.sort(key=lambda item: [folder not in item.path.as_posix() for folder in folders])


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
    """An MLflow database with its tables."""

    def make(folder: Path) -> None:
        from mlflow.tracking import MlflowClient

        MlflowClient(f"sqlite:///{folder / 'mlflow.db'}").search_experiments()

    return once(tmp_path_factory, "mlflow", make) / "mlflow.db"


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
