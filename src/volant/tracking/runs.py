"""Runs in MLflow: parameters, curves, metrics and files of every training.

A training is worth more than its record: whatever the tracker does, the caller continues. A server failure gives a
warning, and the whole run is written to the project's own `mlflow.db` instead.
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
from volant.tracking.stores import Store, batched, finite, session, shown, sqlite_file, takeable, warn
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
    """One open run. All its content is buffered, so that it can be replayed to the next store."""

    def __init__(self, stores: Sequence[Store], start: Callable[[Store], Opened], failed: bool = False) -> None:
        self._left = list(stores)
        self._start = start
        self._failed = failed
        self._told: list[Action] = []
        self._opened: Opened | None = None
        self._move()

    @property
    def id(self) -> str | None:
        """MLflow's id of the run, for `parent`; None if no store could be written."""
        return self._opened.id if self._opened else None

    def log_epoch(self, step: int, metrics: Mapping[str, float]) -> None:
        """Log points of curves: the metrics after epoch (or step) `step`."""
        values = finite(metrics)
        now = int(time.time() * 1000)
        self._tell(lambda client, run: _log_points(client, run, values, now, step))

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log results of the whole run; a value that is not finite is left out, with a warning.

        MLflow shows the value of the highest step: with curves of the same names, `step` must be higher than theirs.
        """
        self.log_epoch(step, metrics)

    def log_params(self, params: Mapping[str, object]) -> None:
        """Log the config, a tree, under dotted names."""
        flat = flatten(params)
        self._tell(lambda client, run: _log_params(client, run, flat))

    def log_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags by which the run can be found, such as `bundle`: the digest of its bundle's manifest."""
        taken = takeable(tags)
        self._tell(lambda client, run: [client.set_tag(run, name, value) for name, value in taken.items()])

    def log_file(self, path: Path, folder: str | None = None) -> None:
        """Log a file, or every file of a folder, under `folder` of the run."""
        method = "log_artifacts" if path.is_dir() else "log_artifact"
        self._tell(lambda client, run: self._upload(path.name, getattr(client, method), run, str(path), folder))

    def log_text(self, text: str, name: str) -> None:
        """Log a text as the file `name` of the run."""
        self._tell(lambda client, run: self._upload(name, client.log_text, run, text, name))

    def end(self, status: str) -> None:
        """Close the run as FINISHED, FAILED or KILLED; `run` and `resume` call it."""
        self._tell(lambda client, run: self._opened and self._opened.ours and client.set_terminated(run, status))

    def _tell(self, action: Action) -> None:
        self._told.append(action)
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
        while self._left and not self._opened:
            store = self._left.pop(0)
            try:
                self._opened = self._start(store)
                for action in self._told:
                    action(self._opened.client, self._opened.id)
            except Exception as error:
                self._opened = None
                self._failed = True
                warn(f"MLflow at {store.uri} can't be used", error)
        if self._opened is None:
            log.warning("MLflow: this run is recorded nowhere.")
        elif self._failed:
            log.warning("MLflow: this run is recorded in %s.", shown(self._opened.uri))

    def _upload(self, name: str, upload: Callable[..., None], *arguments: str | None) -> None:
        """Upload files; if only files fail (another server stores them), continue without files."""
        if not self._uploads:
            log.warning("MLflow does not have the file %s of this run.", name)
            return
        try:
            upload(*arguments)
        except Exception as error:
            self._uploads = False
            warn(f"MLflow could not keep the file {name}; the run goes on without files", error)


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
        opened = Run(stores, lambda store: _begin(store, flywheel, _tags(tags, parent, root), name))
        opened.log_params(params)
        with _ended(opened):
            yield opened


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
        answering, found = _search(stores, flywheel, tags)

        def start(store: Store) -> Opened:
            if found and store == answering[0]:
                return Opened(connect(store), store.uri, found, ours=False)
            return _begin(store, flywheel, _tags(tags, None, root), name)

        opened = Run(answering, start, failed=len(answering) < len(stores))
        with _ended(opened):
            yield opened


def find(flywheel: str, tags: Mapping[str, str], root: Path = Path()) -> str | None:
    """Return the id of the newest run of a flywheel that has all these tags; None if there is none.

    Args:
        flywheel: Name of the flywheel.
        tags: Tags of the run, such as `{"bundle": digest}`.
        root: Root of the project.
    """
    with session(root) as stores:
        return _search(stores, flywheel, tags)[1]


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
    answering = []
    for position, store in enumerate(stores):
        try:
            found = _newest(store, flywheel, tags)
        except Exception as error:
            warn(f"MLflow at {store.uri} can't be searched", error)
            continue
        if found:
            return [store, *answering, *stores[position + 1 :]], found
        answering.append(store)
    return answering, None


def _newest(store: Store, flywheel: str, tags: Mapping[str, str]) -> str | None:
    path = sqlite_file(store.uri)
    if path and not path.exists():
        return None  # it is empty, and creating the tables takes seconds
    client = connect(store)
    experiment = client.get_experiment_by_name(flywheel)
    if experiment is None:
        return None
    wanted = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
    runs = client.search_runs([experiment.experiment_id], wanted, max_results=1, order_by=["start_time DESC"])
    return runs[0].info.run_id if runs else None


def _log_params(client: "MlflowClient", run: str, params: Mapping[str, str]) -> None:
    from mlflow.entities import Param

    for some in batched([Param(name, value) for name, value in takeable(params).items()]):
        client.log_batch(run, params=some)


def _log_points(client: "MlflowClient", run: str, values: Mapping[str, float], now: int, step: int) -> None:
    from mlflow.entities import Metric

    for some in batched([Metric(name, value, now, step) for name, value in values.items()]):
        client.log_batch(run, metrics=some)


def _tags(given: Mapping[str, str], parent: str | None, root: Path) -> dict[str, str]:
    """Return the tags with those that MLflow's UI shows: commit, source, and the parent run."""
    commit = git_commit(root)
    usual = {"git_commit": commit, "mlflow.source.git.commit": commit, "mlflow.source.name": "volant"}
    return {**usual, **({"mlflow.parentRunId": parent} if parent else {}), **takeable(given)}
