"""The stores that MLflow writes to, its settings, and the values that it accepts. `client` imports mlflow, not this.

The server or database of `MLFLOW_TRACKING_URI` comes first, then the project's own `mlflow.db`; files go to the lake.
"""

import logging
import math
import os
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from volant.errors import VolantError
from volant.workspace import lake

T = TypeVar("T")
log = logging.getLogger(__name__)

# MLflow's own defaults retry a dead server for minutes; a user's setting of the same name wins.
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "8",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # eight more processes beside the UI
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
# They log a line for each new table and each retry of a request; `warn` reports a failure once.
QUIET = {"alembic": logging.WARNING, "urllib3.connectionpool": logging.ERROR}
# They store the files of runs themselves; any other address is a database, whose runs' files go to the lake.
SERVERS = ("http", "https", "databricks", "uc")


@dataclass(frozen=True)
class Store:
    """An MLflow store, and the lake with the files of its runs; None if a server stores them."""

    uri: str
    place: lake.Lake | None


def has_registry(root: Path = Path()) -> bool:
    """Return True if a project has a registry, reachable or not."""
    return "MLFLOW_TRACKING_URI" in os.environ or (root / "mlflow.db").exists()


def setting(root: Path = Path()) -> list[Any]:
    """Return the values that change if a project gets another registry; they may contain a password."""
    return [os.environ.get("MLFLOW_TRACKING_URI"), (root / "mlflow.db").exists()]


def address(root: Path = Path()) -> str:
    """Return the address of the first store to try."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(root / 'mlflow.db').resolve()}"


@contextmanager
def session(root: Path) -> Iterator[list[Store]]:
    """Yield the stores to try in turn, with our settings of MLflow; the environment is restored afterwards."""
    current = lake.current(root)
    local = f"sqlite:///{(root / 'mlflow.db').resolve()}"
    stores = [Store(local, current), Store(local, lake.Lake(str((root / "mlruns").resolve())))]
    if uri := os.environ.get("MLFLOW_TRACKING_URI"):
        stores.insert(0, Store(uri, None if urlsplit(uri).scheme in SERVERS else current))
    settings = SETTINGS | ({"MLFLOW_S3_ENDPOINT_URL": current.endpoint_url} if current.endpoint_url else {})
    ours = {name: value for name, value in settings.items() if name not in os.environ}
    levels = {name: logging.getLogger(name).level for name in QUIET}
    os.environ.update(ours)
    for name, level in QUIET.items():
        logging.getLogger(name).setLevel(level)
    try:
        yield stores
    finally:
        for name in ours:
            os.environ.pop(name, None)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def check_port(uri: str) -> None:
    """Connect to the port of a database, as MLflow would retry a dead one for two minutes.

    Fails with `OSError` if the port is closed.
    """
    address = urlsplit(uri)
    if address.scheme not in SERVERS and address.hostname and address.port:
        socket.create_connection((address.hostname, address.port), timeout=3).close()


def sqlite_file(uri: str) -> Path | None:
    """Return the file of a SQLite store; None for any other store.

    Example:
        >>> sqlite_file("sqlite:////project/mlflow.db").as_posix(), sqlite_file("http://127.0.0.1:5000")
        ('/project/mlflow.db', None)
    """
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def relocate(uri: str, experiment: str, location: str) -> None:
    """Change the location of the files of an experiment's new runs, in the database: MLflow has no call for it.

    Older runs keep their own location, which is stored with each run.

    Args:
        uri: Address of the database.
        experiment: Id of the experiment.
        location: New location.
    """
    from sqlalchemy import create_engine, text

    engine = create_engine(uri)
    with engine.begin() as connection:
        change = text("UPDATE experiments SET artifact_location = :location WHERE experiment_id = :id")
        connection.execute(change, {"location": location, "id": int(experiment)})
    engine.dispose()


def finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return the metrics that a database can store, and log the others.

    Example:
        >>> finite({"f1_r&b": 0.5, "loss": float("nan")})
        {'f1_r_b': 0.5}
    """
    values = {_name(name): _number(value) for name, value in metrics.items()}
    if excluded := [name for name, value in values.items() if not math.isfinite(value)]:
        log.warning("MLflow: not finite, so not logged: %s.", ", ".join(excluded))
    return {name: value for name, value in values.items() if math.isfinite(value)}


def _number(value: object) -> float:
    """Return the value as a float, NaN if it is not a number, as this must not stop a training."""
    try:
        return float(value)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError):
        return math.nan


def accepted(texts: Mapping[str, str]) -> dict[str, str]:
    """Return names and texts as MLflow accepts them, at most 5,000 characters per text."""
    return {_name(name): str(value)[:5000] for name, value in texts.items()}


def batched(items: list[T]) -> list[list[T]]:
    """Return the items in batches of 100, the largest number of parameters that MLflow accepts in one call.

    Example:
        >>> [len(batch) for batch in batched(list(range(250)))]
        [100, 100, 50]
    """
    return [items[start : start + 100] for start in range(0, len(items), 100)]


def _name(name: str) -> str:
    """Return a name, which may contain a label, with the characters that MLflow accepts: letters, digits, `_-./ `."""
    return re.sub(r"[^\w\-./ ]", "_", name)


def failure(uri: str, problem: str, error: Exception) -> str:
    """Return the message for a registry that can't be used, with the next step.

    Args:
        uri: Address of the registry.
        problem: Predicate of the message, such as "failed".
        error: Error of MLflow, the database or the network.
    """
    return (
        f"The registry at {without_password(uri)} {problem} ({reason(error)}). Nothing is lost: start it, or fix "
        "MLFLOW_TRACKING_URI, then run the same command again."
    )


def warn(problem: str, error: Exception) -> None:
    """Log a problem and its first cause in one line, without the password that a database's address may contain."""
    log.warning("%s (%s).", without_password(problem), reason(error))


def reason(error: BaseException) -> str:
    """Return the first cause of an error in one line, without a password."""
    while not isinstance(error, VolantError) and (cause := error.__cause__ or error.__context__):
        error = cause
    return without_password((str(error) or type(error).__name__).splitlines()[0])[:300].rstrip(".")


def without_password(text: str) -> str:
    """Return a text with user and password removed from its URLs.

    Example:
        >>> without_password("postgresql://user:secret@db/runs")
        'postgresql://db/runs'
    """
    return re.sub(r"//[^@/\s]*@", "//", text)
