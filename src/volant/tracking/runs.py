"""Runs in MLflow: parameters, curves, metrics and files of every training.

A training is worth more than its record: the caller continues whatever fails here. A server failure gives a warning,
and the whole run is written to the project's own `mlflow.db` instead.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from volant.tracking import postponed
from volant.tracking.client import client as connect
from volant.tracking.client import experiment
from volant.tracking.postponed import Postponed
from volant.tracking.stores import Store, accepted, batched, finite, session, sqlite_file, warn, without_password
from volant.workspace import lake
from volant.workspace.provenance import flatten, git_commit

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Opened:
    """A run that can be written; `ours` if it was created here, so that it is also ended here."""

    client: "MlflowClient"
    uri: str
    id: str
    ours: bool


Action = Callable[["MlflowClient", str], object]


class Run:
    """One open run. All its content is buffered, so that it can be replayed to the next store.

    Args:
        stores: Stores to try in turn.
        start: Function that opens the run in a store.
        failed: True if a store before these has failed.
    """

    def __init__(self, stores: Sequence[Store], start: Callable[[Store], Opened], failed: bool = False) -> None:
        self._remaining = list(stores)
        self._start = start
        self._failed = failed
        self._actions: list[Action] = []
        self._opened: Opened | None = None
        self._move()

    @property
    def id(self) -> str | None:
        """MLflow's id of the run, for `parent`; None if no store could be written."""
        return self._opened.id if self._opened else None

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log metrics of an epoch or step (points of curves) or, by default, of the whole run.

        A value that is not finite is excluded, with a warning. MLflow shows the value of the highest step: for a result
        of the whole run with the name of a curve, `step` must be higher than the curve's.
        """
        values = finite(metrics)
        time_ms = int(time.time() * 1000)
        self._do(lambda client, run: _log_points(client, run, values, time_ms, step))

    def log_params(self, params: Mapping[str, object]) -> None:
        """Log the config, a tree, under dotted names."""
        flat = flatten(params)
        self._do(lambda client, run: _log_params(client, run, flat))

    def log_file(self, path: Path, folder: str | None = None) -> None:
        """Log a file, or every file of a folder, under `folder` of the run."""
        method = "log_artifacts" if path.is_dir() else "log_artifact"
        self._do(lambda client, run: self._upload(path.name, getattr(client, method), run, str(path), folder))

    def end(self, status: str) -> None:
        """Close the run as FINISHED, FAILED or KILLED; `run` and `resume` call it."""
        self._do(lambda client, run: self._opened and self._opened.ours and client.set_terminated(run, status))

    def _do(self, action: Action) -> None:
        self._actions.append(action)
        if self._opened is None:
            return
        try:
            action(self._opened.client, self._opened.id)
        except Exception as error:
            warn(f"MLflow at {self._opened.uri} failed", error)
            self._failed = True
            self._move()

    def _move(self) -> None:
        """Open the run in the next working store, and replay all its content."""
        self._opened = None
        self._uploads = True
        while self._remaining and not self._opened:
            store = self._remaining.pop(0)
            try:
                self._opened = self._start(store)
                for action in self._actions:
                    action(self._opened.client, self._opened.id)
            except Exception as error:
                self._opened = None
                self._failed = True
                warn(f"MLflow at {store.uri} can't be used", error)
        if self._opened is None:
            log.warning("MLflow: this run is recorded nowhere.")
        elif self._failed:
            log.warning("MLflow: this run is recorded in %s.", without_password(self._opened.uri))

    def _upload(self, name: str, upload: Callable[..., None], *arguments: str | None) -> None:
        """Upload files; if only files fail (another server stores them), continue without files."""
        if not self._uploads:
            log.warning("MLflow does not store the file %s of this run.", name)
            return
        try:
            upload(*arguments)
        except Exception as error:
            self._uploads = False
            warn(f"MLflow could not store the file {name}; the run continues without files", error)


Recorder = Run | Postponed


@contextmanager
def run(
    flywheel: str,
    params: Mapping[str, object],
    tags: Mapping[str, str],
    parent: str | None = None,
    name: str | None = None,
    root: Path = Path(),
) -> Iterator[Recorder]:
    """Open a new run in the experiment `flywheel` for the context; it ends as FAILED or KILLED if the body raises.

    Args:
        flywheel: Name of the flywheel, and of the experiment.
        params: Config as a tree; logged under dotted names.
        tags: Tags by which the run can be found: data hashes, config digest. The git commit is added.
        parent: Id of the run that this one is nested under (trials of a sweep).
        name: Name in the UI; MLflow generates one by default.
        root: Root of the project.
    """
    if home := postponed.folder():
        with postponed.noted(home, "run", flywheel=flywheel, params=params, tags=tags, parent=parent, name=name) as run:
            yield run
        return
    with session(root) as stores:
        new = Run(stores, lambda store: _begin(store, flywheel, _tags(tags, parent, root), name))
        new.log_params(params)
        with _ended(new):
            yield new


@contextmanager
def resume(flywheel: str, tags: Mapping[str, str], name: str | None = None, root: Path = Path()) -> Iterator[Recorder]:
    """Reopen the newest run that has all these tags, or open a new one with them, for the context.

    Args:
        flywheel: Name of the flywheel, and of the experiment.
        tags: Tags of the run.
        name: Name of a new run in the UI; MLflow generates one by default.
        root: Root of the project.
    """
    if home := postponed.folder():
        with postponed.noted(home, "resume", flywheel=flywheel, tags=tags, name=name) as run:
            yield run
        return
    with session(root) as stores:
        responding, run_id = _search(stores, flywheel, tags)

        def start(store: Store) -> Opened:
            if run_id and store == responding[0]:
                return Opened(connect(store), store.uri, run_id, ours=False)
            return _begin(store, flywheel, _tags(tags, None, root), name)

        resumed = Run(responding, start, failed=len(responding) < len(stores))
        with _ended(resumed):
            yield resumed


@contextmanager
def _ended(run: Run) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        run.end("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
        raise
    run.end("FINISHED")


def _begin(store: Store, flywheel: str, tags: Mapping[str, str], name: str | None) -> Opened:
    """Create a new run, after a check of the place for its files, since an upload would fail only after minutes."""
    if store.place:
        lake.check(store.place)
    client = connect(store)
    run = client.create_run(experiment(client, store, flywheel), tags=dict(tags), run_name=name)
    return Opened(client, store.uri, run.info.run_id, ours=True)


def _search(stores: Sequence[Store], flywheel: str, tags: Mapping[str, str]) -> tuple[list[Store], str | None]:
    """Return the stores that respond, the one with the run first; and the run's id, or None."""
    responding = []
    for position, store in enumerate(stores):
        try:
            run_id = _newest(store, flywheel, tags)
        except Exception as error:
            warn(f"MLflow at {store.uri} can't be searched", error)
            continue
        if run_id:
            return [store, *responding, *stores[position + 1 :]], run_id
        responding.append(store)
    return responding, None


def _newest(store: Store, flywheel: str, tags: Mapping[str, str]) -> str | None:
    path = sqlite_file(store.uri)
    if path and not path.exists():
        return None  # it is empty, and creating the tables takes seconds
    client = connect(store)
    experiment = client.get_experiment_by_name(flywheel)
    if experiment is None:
        return None
    terms = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
    runs = client.search_runs([experiment.experiment_id], terms, max_results=1, order_by=["start_time DESC"])
    return runs[0].info.run_id if runs else None


def _log_params(client: "MlflowClient", run: str, params: Mapping[str, str]) -> None:
    from mlflow.entities import Param

    for batch in batched([Param(name, value) for name, value in accepted(params).items()]):
        client.log_batch(run, params=batch)


def _log_points(client: "MlflowClient", run: str, values: Mapping[str, float], time_ms: int, step: int) -> None:
    from mlflow.entities import Metric

    for batch in batched([Metric(name, value, time_ms, step) for name, value in values.items()]):
        client.log_batch(run, metrics=batch)


def _tags(own: Mapping[str, str], parent: str | None, root: Path) -> dict[str, str]:
    """Return the tags with those that MLflow's UI shows: commit, source, and the parent run."""
    commit = git_commit(root)
    usual = {"git_commit": commit, "mlflow.source.git.commit": commit, "mlflow.source.name": "volant"}
    return {**usual, **({"mlflow.parentRunId": parent} if parent else {}), **accepted(own)}
