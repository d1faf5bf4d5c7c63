"""Datasets under DVC: rows go to its cache, from where `dvc push` brings them to the lake."""

import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from volant.errors import VolantError

PATIENCE = 600  # seconds to wait for a stage that reads the lake


def track(path: Path, root: Path, finish: Callable[[], None], patience: float = PATIENCE) -> None:
    """Put a file under DVC, then `finish`, both while no stage can begin to read the lake.

    DVC hashes what a stage has read after the stage ran: a dataset that came to exist in between would count as
    used without being so. DVC's own locks keep that from happening.

    Raises:
        VolantError: If the project isn't under git and DVC, or DVC is busy for more than `patience` seconds.
    """
    try:
        from dvc.exceptions import DvcException
        from dvc.lock import LockError
        from dvc.rwlock import RWLockFileCorruptedError
    except ImportError as error:
        raise VolantError("The lake needs DVC. Install it with `pip install 'volant[train]'`.") from error
    deadline, said = time.monotonic() + patience, False
    while True:
        try:
            return _add(path, root, finish)
        except RWLockFileCorruptedError:  # its writer was killed: DVC itself would refuse for ever
            (root / ".dvc" / "tmp" / "rwlock").unlink(missing_ok=True)
        except LockError as error:
            if time.monotonic() > deadline:
                raise VolantError(
                    f"DVC is busy. Nothing was changed; run the same command again later. {error}"
                ) from error
            if not said:
                Console(stderr=True).print("Waiting for DVC, which another command uses.", style="yellow")
            said = True
            time.sleep(0.5)
        except DvcException as error:
            raise VolantError(f"DVC can't track {path}: {error} Run volant in the root of a project.") from error


def _add(path: Path, root: Path, finish: Callable[[], None]) -> None:
    from dvc.repo import Repo, lock_repo

    with Repo(str(root.resolve())) as repo:
        repo.scm_context.quiet = True  # what to give to git is said once, by us
        with lock_repo(repo):
            repo.add(str(path.resolve()))  # pyright: ignore[reportArgumentType]
            finish()
