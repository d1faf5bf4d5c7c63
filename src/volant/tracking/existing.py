"""The registry, with MLflow imported only if it is needed: if a registry exists, and to write or download files."""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from volant.errors import VolantError
from volant.tracking.database import database
from volant.tracking.reader import Reader
from volant.tracking.stores import address, failure, has_registry

if TYPE_CHECKING:
    from volant.tracking.registry import Registry


def registry(root: Path) -> "AbstractContextManager[Registry]":
    """Open the registry of a project.

    Raises:
        VolantError: If the project has no registry yet, or it can't be reached.
    """
    require(root)
    from volant.tracking import registry as with_mlflow

    return with_mlflow.registry(root)


def require(root: Path) -> None:
    """Require that a project has a registry, which may be down all the same.

    Raises:
        VolantError: If it has none yet.
    """
    if not has_registry(root):
        raise VolantError("There is no registry here yet. `volant iterate` makes the first version of a flywheel.")


@contextmanager
def reading(root: Path = Path()) -> Iterator[Reader]:
    """Open the registry of a project for reading: its own database without MLflow, any other through MLflow.

    Raises:
        VolantError: If it is down, or fails during the context.
    """
    uri = address(root)
    tables = database(uri)
    if tables is None:
        from volant.tracking import registry as with_mlflow

        with with_mlflow.registry(root) as opened:
            yield opened
        return
    try:
        yield Reader(tables)
    except sqlite3.Error as error:
        raise VolantError(failure(uri, "failed", error)) from error
