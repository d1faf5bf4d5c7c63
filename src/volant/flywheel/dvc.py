"""News from DVC, and its runs: the only module that calls DVC to reproduce."""

import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from volant.errors import VolantError
from volant.workspace import paths
from volant.workspace.dvc import environment, patiently


@dataclass(frozen=True)
class News:
    """The changes since the last run.

    Attributes:
        train: Whether there are new TRAIN datasets.
        test: Whether there are new TEST datasets.
        config: Keys of params.yaml.
        files: Code, and files of the source.
        missing: Outputs that are not there, or were changed by hand.
    """

    train: bool = False
    test: bool = False
    config: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        """Return whether DVC would run anything."""
        return self.train or self.test or bool(self.config or self.files or self.missing)


@dataclass
class Ran:
    """The stages that ran, and those whose outputs DVC brought back from a former run of the same inputs."""

    executed: list[str] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)


def news(name: str, root: Path = Path()) -> News:
    """Return the changes that DVC finds in the stages of a flywheel.

    A `VolantError` results if the project is no DVC project, or DVC can't read it.
    """
    with _repo(root) as repo:
        status = patiently(lambda: repo.status(targets=[f"evaluate@{name}"], with_deps=True), root)
    return read_status(name, status)


def read_status(name: str, status: Mapping[str, Any]) -> News:
    """Return DVC's status as news.

    Example:
        >>> read_status("f", {"prepare@f": [{"changed deps": {"data/f/lake/test": "modified"}}]})
        News(train=False, test=True, config=(), files=(), missing=())
    """
    deps: set[str] = set()
    config: set[str] = set()
    missing: set[str] = set()
    for changes in status.values():
        for change in changes:
            if not isinstance(change, Mapping):  # "changed command", "always changed"
                deps.add(str(change))
                continue
            missing |= set(change.get("changed outs", ()))
            for path, what in change.get("changed deps", {}).items():
                if isinstance(what, Mapping):
                    config |= set(what)
                else:
                    deps.add(path)
    lake = {split: (paths.lake(name) / split).as_posix() for split in ("train", "test")}
    # what the pipeline itself made is new because of what came before it
    made = (f"{paths.prepared(name).as_posix()}/", f"{paths.clean(name).as_posix()}/", paths.bundle(name).as_posix())
    files = sorted(path for path in deps - set(lake.values()) if not path.startswith(made))
    train = any(path.startswith(lake["train"]) for path in deps | missing)
    test = any(path.startswith(lake["test"]) for path in deps | missing)
    gone = sorted(path for path in missing if not path.startswith(tuple(lake.values())))
    return News(train, test, tuple(sorted(config)), tuple(files), tuple(gone))


def reproduce(name: str, root: Path = Path(), started: Callable[[str], object] | None = None) -> Ran:
    """Run what has to run; what the stages print goes to the error stream, as this program's output is a report.

    Args:
        name: Name of the flywheel.
        root: Root of the project.
        started: Called with the name of each stage before it runs.

    Raises:
        VolantError: If a stage fails; what it printed stands above.
    """
    from dvc.exceptions import DvcException

    ran = Ran()
    with _repo(root) as repo, _listening(ran, started), _printed_as_errors():
        try:
            patiently(lambda: repo.reproduce(targets=[f"evaluate@{name}"]), root)
        except DvcException as error:
            cause = f" ({error.__cause__})" if error.__cause__ else ""
            raise VolantError(
                f"{name}: {error}{cause}. See the output of the stage above. Fix it, then run this again: "
                "it resumes there."
            ) from error
    return ran


def fetch(paths: list[str], root: Path = Path()) -> None:
    """Fetch datasets of the lake that are not on this machine.

    Raises:
        VolantError: If the lake lacks them.
    """
    from dvc.exceptions import DvcException

    with _repo(root) as repo, _printed_as_errors():
        try:
            patiently(lambda: repo.pull(targets=paths), root)
        except DvcException as error:
            raise VolantError(
                f"Datasets can't be fetched from the lake: {error}. Check it with `volant lake`."
            ) from error


@contextmanager
def _repo(root: Path) -> Iterator[Any]:
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    _require_lock(root)
    before = dict(os.environ)
    os.environ.update(environment())
    try:
        with Repo(str(root)) as repo:
            yield repo
    except DvcException as error:
        raise VolantError(f"DVC can't work in {root.resolve()}: {error}.") from error
    except VolantError:
        raise
    except Exception as error:
        # DVC looks at sources on S3 itself: each storage has its own exceptions for credentials and network
        if not (remote := _remote_error(error)):
            raise
        raise VolantError(
            f"A source can't be reached ({remote}): {error}. Check its address, your permissions and AWS_* settings "
            "(AWS_ENDPOINT_URL for a server that isn't Amazon's)."
        ) from error
    finally:
        for name in set(os.environ) - set(before):  # not cleared as a whole: a thread that imports MLflow reads it
            del os.environ[name]
        os.environ.update(before)


def _require_lock(root: Path) -> None:
    """Refuse a dvc.lock that is not valid YAML, as in the middle of a merge.

    Raises:
        VolantError: If it is; names the line.
    """
    from volant.config.flywheels import trouble

    path = root / "dvc.lock"
    try:
        if path.exists():
            yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise VolantError(
            f"{path} is not valid YAML ({trouble(path, error)}). Take one side (`git checkout --theirs dvc.lock`), "
            "and run this again: DVC rewrites what differs."
        ) from error


def _remote_error(error: Exception) -> str | None:
    """The name of an exception of botocore, aiohttp, fsspec or of the network; None for a fault of our own."""
    held = [error, error.__cause__, error.__context__]
    modules = ("botocore", "aiobotocore", "aiohttp", "s3fs", "fsspec", "boto3")
    for one in held:
        if one is not None and (isinstance(one, OSError) or type(one).__module__.split(".")[0] in modules):
            return type(one).__name__
    return None


@contextmanager
def _listening(ran: Ran, started: Callable[[str], object] | None) -> Iterator[None]:
    """Read from DVC's log, its only record of it, which stages ran and which were restored."""

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            message = record.getMessage()
            if message.startswith("Running stage '"):
                ran.executed.append(message.split("'")[1].partition("@")[0])
                if started:
                    started(ran.executed[-1])
            elif "is cached - skipping run" in message:
                ran.restored.append(message.split("'")[1].partition("@")[0])

    listener = Listener()
    logger = logging.getLogger("dvc.stage")
    logger.addHandler(listener)
    try:
        yield
    finally:
        logger.removeHandler(listener)


@contextmanager
def _printed_as_errors() -> Iterator[None]:
    """Send what this process and its children print to the error stream."""
    sys.stdout.flush()
    kept = os.dup(1)
    shown = sys.stdout
    try:
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        yield
    finally:
        sys.stdout = shown
        os.dup2(kept, 1)
        os.close(kept)
