"""The registry for the web UI: opened for each operation; MLflow is imported when it is first needed."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from volant.errors import VolantError
from volant.service.ui.page import ROOT
from volant.tracking.existing import registry

if TYPE_CHECKING:
    from volant.tracking.registry import Registry, Version

_turn = threading.Lock()  # MLflow reads the environment, which all threads share


@contextmanager
def opened() -> Iterator["Registry"]:
    """Open the registry of the project.

    Raises:
        VolantError: If there is none, it is down, or MLflow isn't installed.
    """
    with _turn:
        try:
            with registry(ROOT) as existing:
                yield existing
        except ModuleNotFoundError as error:
            raise VolantError(
                f"The registry needs '{error.name}'. Install it with `pip install 'volant-nlp[train]'`."
            ) from error


def prepare() -> None:
    """Open the registry once in the background, as importing MLflow takes seconds; called once a token is typed."""
    if "mlflow" not in sys.modules:
        threading.Thread(target=_warm, daemon=True).start()


def _warm() -> None:
    with suppress(VolantError), opened():
        pass


def versions(flywheel: str | None) -> list["Version"]:
    """Return the versions of a flywheel, the newest first.

    Raises:
        VolantError: If no flywheel is chosen, or the registry is not available.
    """
    if not flywheel:
        raise VolantError("Choose a flywheel.")
    with opened() as existing:
        return existing.versions(flywheel)


def metrics(versions: list["Version"]) -> list[str]:
    """Return the names of all metrics of some versions, the flywheel's own metric first."""
    names = [version.metric for version in versions]
    for version in versions:
        names += version.metrics
    return list(dict.fromkeys(names))
