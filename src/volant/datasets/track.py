"""Datasets under DVC: rows go to its cache, from where `dvc push` brings them to the lake."""

from collections.abc import Callable
from pathlib import Path

from volant.dvc_busy import patiently
from volant.errors import VolantError


def track(path: Path, root: Path, finish: Callable[[], None]) -> None:
    """Put a file under DVC, then `finish`, both while no stage can begin to read the lake.

    DVC hashes what a stage has read after the stage ran: a dataset that came to exist in between would count as
    used without being so. DVC's own locks keep that from happening.

    Raises:
        VolantError: If the project isn't under git and DVC, or DVC stays busy.
    """
    try:
        from dvc.exceptions import DvcException
    except ImportError as error:
        raise VolantError("The lake needs DVC. Install it with `pip install 'volant-nlp[train]'`.") from error
    try:
        patiently(lambda: _add(path, root, finish), root)
    except DvcException as error:
        raise VolantError(f"DVC can't track {path}: {error} Run volant in the root of a project.") from error


def _add(path: Path, root: Path, finish: Callable[[], None]) -> None:
    from dvc.repo import Repo, lock_repo

    with Repo(str(root.resolve())) as repo:
        repo.scm_context.quiet = True  # what to give to git is said once, by us
        with lock_repo(repo):
            repo.add(str(path.resolve()))  # pyright: ignore[reportArgumentType]
            finish()
