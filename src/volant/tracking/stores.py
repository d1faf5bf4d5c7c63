"""Where MLflow writes, with which settings, and what it takes. No mlflow here: `clients` imports it.

The server or database of `MLFLOW_TRACKING_URI` first, then the project's own `mlflow.db`; files to the lake.
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
from typing import TypeVar
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
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # eight more processes beside the pages
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
# A line for each table that is made and each request that is tried again; what fails is said once, by `warn`.
QUIET = {"alembic": logging.WARNING, "urllib3.connectionpool": logging.ERROR}
# They keep the files of runs themselves; any other address is a database, whose runs' files go to the lake.
SERVERS = ("http", "https", "databricks", "uc")


@dataclass(frozen=True)
class Store:
    """An MLflow store, and the lake that keeps the files of its runs; none where a server keeps them."""

    uri: str
    place: lake.Lake | None


def known(root: Path = Path()) -> bool:
    """Whether a project has a registry, which may be down all the same."""
    return "MLFLOW_TRACKING_URI" in os.environ or (root / "mlflow.db").exists()


def address(root: Path = Path()) -> str:
    """The store that is tried first."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(root / 'mlflow.db').resolve()}"


@contextmanager
def session(root: Path) -> Iterator[list[Store]]:
    """The stores to try in turn, while MLflow runs with our settings; the environment is then as it was."""
    here = lake.current(root)
    local = f"sqlite:///{(root / 'mlflow.db').resolve()}"
    stores = [Store(local, here), Store(local, lake.Lake(str((root / "mlruns").resolve())))]
    if given := os.environ.get("MLFLOW_TRACKING_URI"):
        stores.insert(0, Store(given, None if urlsplit(given).scheme in SERVERS else here))
    settings = SETTINGS | ({"MLFLOW_S3_ENDPOINT_URL": here.endpoint_url} if here.endpoint_url else {})
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


def knock(uri: str) -> None:
    """MLflow tries a dead database for two minutes; a closed port says the same at once."""
    address = urlsplit(uri)
    if address.scheme not in SERVERS and address.hostname and address.port:
        socket.create_connection((address.hostname, address.port), timeout=3).close()


def sqlite_file(uri: str) -> Path | None:
    """The file of a SQLite store, none for any other.

    Example:
        >>> sqlite_file("sqlite:////project/mlflow.db").as_posix(), sqlite_file("http://127.0.0.1:5000")
        ('/project/mlflow.db', None)
    """
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def relocate(uri: str, experiment: str, location: str) -> None:
    """MLflow fixes the place of files when an experiment is made, and has no call to change it.

    Older runs keep their own place, which is stored with each run.
    """
    from sqlalchemy import create_engine, text

    engine = create_engine(uri)
    with engine.begin() as connection:
        change = text("UPDATE experiments SET artifact_location = :location WHERE experiment_id = :id")
        connection.execute(change, {"location": location, "id": int(experiment)})
    engine.dispose()


def finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """The metrics that a database can hold; says which it can't.

    Example:
        >>> finite({"f1_r&b": 0.5, "loss": float("nan")})
        {'f1_r_b': 0.5}
    """
    values = {_name(name): _number(value) for name, value in metrics.items()}
    if odd := [name for name, value in values.items() if not math.isfinite(value)]:
        log.warning("MLflow: no finite number, so not logged: %s.", ", ".join(odd))
    return {name: value for name, value in values.items() if math.isfinite(value)}


def _number(value: object) -> float:
    """What is no number counts as not finite: it must not end a training that is otherwise done."""
    try:
        return float(value)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError):
        return math.nan


def takeable(texts: Mapping[str, str]) -> dict[str, str]:
    """Names and texts as MLflow takes them: at most 5,000 characters a text."""
    return {_name(name): str(value)[:5000] for name, value in texts.items()}


def batched(items: list[T]) -> list[list[T]]:
    """Hundred at a time, the most parameters that MLflow takes in one call.

    Example:
        >>> [len(some) for some in batched(list(range(250)))]
        [100, 100, 50]
    """
    return [items[start : start + 100] for start in range(0, len(items), 100)]


def _name(name: str) -> str:
    """A label may stand in a name; MLflow takes letters, digits and `_-./ ` only."""
    return re.sub(r"[^\w\-./ ]", "_", name)


def down(uri: str, error: Exception, what: str) -> VolantError:
    """What to say of a registry that can't be used, and what to do."""
    return VolantError(
        f"The registry at {shown(uri)} {what} ({reason(error)}). Nothing is lost: start it, or fix "
        "MLFLOW_TRACKING_URI, then run the same command again."
    )


def warn(what: str, error: Exception) -> None:
    """One line with the first cause, and without the password that a database's address may hold."""
    log.warning("%s (%s).", shown(what), reason(error))


def reason(error: BaseException) -> str:
    """The first cause of an error in one line, without a password."""
    while not isinstance(error, VolantError) and (before := error.__cause__ or error.__context__):
        error = before
    return shown((str(error) or type(error).__name__).splitlines()[0])[:300].rstrip(".")


def shown(text: str) -> str:
    """Addresses without what stands before their `@`.

    Example:
        >>> shown("postgresql://user:secret@db/runs")
        'postgresql://db/runs'
    """
    return re.sub(r"//[^@/\s]*@", "//", text)
