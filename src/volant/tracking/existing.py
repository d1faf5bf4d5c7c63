"""The registry for the watcher and the web UI: MLflow is imported only if a registry exists."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from volant.errors import VolantError
from volant.tracking.stores import known

if TYPE_CHECKING:
    from volant.tracking.registry import Registry


def registry(root: Path) -> "AbstractContextManager[Registry]":
    """Open the registry of a project.

    Raises:
        VolantError: If the project has no registry yet, or it can't be reached.
    """
    if not known(root):
        raise VolantError("There is no registry here yet. `volant iterate` makes the first version of a flywheel.")
    from volant.tracking import registry as tracked

    return tracked.registry(root)
