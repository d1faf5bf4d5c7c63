"""Runs in MLflow: parameters, curves, metrics and files of every training.

A training is worth more than its record: whatever the tracker does, the caller goes on. A server that fails
is named in a warning, and the whole run is written to the project's own `mlflow.db` instead.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from volant.tracking.client import client as connect
from volant.tracking.client import experiment
from volant.tracking.stores import Store, batched, finite, session, shown, sqlite_file, takeable, warn
from volant.workspace import lake
from volant.workspace.provenance import flatten, git_commit

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Opened:
    """A run that can be written; `ours` if it was begun here, so that it is ended here too."""

    client: "MlflowClient"
    uri: str
    id: str
    ours: bool


Action = Callable[["MlflowClient", str], object]


class Run:
    """One open run. What it is told is kept, so that all of it can be told again to the next store."""

    def __init__(self, stores: Sequence[Store], start: Callable[[Store], Opened], failed: bool = False) -> None:
        self._left, self._start, self._failed = list(stores), start, failed
        self._told: list[Action] = []
        self._opened: Opened | None = None
        self._move()

    @property
    def id(self) -> str | None:
        """MLflow's id of the run, for `parent`; none if no store could be written."""
        return self._opened.id if self._opened else None

    def log_epoch(self, step: int, metrics: Mapping[str, float]) -> None:
        """Points of curves: the metrics after epoch (or step) `step`."""
        values, now = finite(metrics), int(time.time() * 1000)
        self._tell(lambda client, run: _log_points(client, run, values, now, step))

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Results of the whole run; a value that is not finite is left out, with a warning.

        MLflow shows the value of the highest step: where there are curves of the same names, it must be beyond them.
        """
        self.log_epoch(step, metrics)

    def log_params(self, params: Mapping[str, object]) -> None:
        """The config, as a tree; logged as dotted names."""
        flat = flatten(params)
        self._tell(lambda client, run: _log_params(client, run, flat))

    def log_tags(self, tags: Mapping[str, str]) -> None:
        """What the run can be found by, such as `bundle`: the digest of the manifest it ended in."""
        taken = takeable(tags)
        self._tell(lambda client, run: [client.set_tag(run, name, value) for name, value in taken.items()])

    def log_file(self, path: Path, folder: str | None = None) -> None:
        """Keep a file, or every file of a folder, under `folder` of the run."""
        method = "log_artifacts" if path.is_dir() else "log_artifact"
        self._tell(lambda client, run: self._upload(path.name, getattr(client, method), run, str(path), folder))

    def log_text(self, text: str, name: str) -> None:
        """Keep a text as the file `name` of the run."""
        self._tell(lambda client, run: self._upload(name, client.log_text, run, text, name))

    def end(self, status: str) -> None:
        """Close it: FINISHED, FAILED or KILLED. `run` and `resume` do it."""
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
        """Open the run in the next store that works, and tell it all that was told so far."""
        self._opened, self._uploads = None, True
        while self._left and not self._opened:
            store = self._left.pop(0)
            try:
                self._opened = self._start(store)
                for action in self._told:
                    action(self._opened.client, self._opened.id)
            except Exception as error:
                self._opened, self._failed = None, True
                warn(f"MLflow at {store.uri} can't be used", error)
        if self._opened is None:
            log.warning("MLflow: this run is recorded nowhere.")
        elif self._failed:
            log.warning("MLflow: this run is recorded in %s.", shown(self._opened.uri))

    def _upload(self, name: str, upload: Callable[..., None], *arguments: str | None) -> None:
        """Files may fail where metrics do not (another server keeps them): then go on without files."""
        if not self._uploads:
            log.warning("MLflow does not have the file %s of this run.", name)
            return
        try:
            upload(*arguments)
        except Exception as error:
            self._uploads = False
            warn(f"MLflow could not keep the file {name}; the run goes on without files", error)


@contextmanager
def run(
    flywheel: str,
    params: Mapping[str, object],
    tags: Mapping[str, str],
    parent: str | None = None,
    name: str | None = None,
    root: Path = Path(),
) -> Iterator[Run]:
    """A new run in the experiment `flywheel`, closed at the end: FAILED or KILLED if the body raised.

    Args:
        flywheel: Name of the flywheel, which is the experiment's.
        params: Config as a tree; logged as dotted names.
        tags: What the run can be found by: data hashes, config digest. The git commit is added.
        parent: Id of the run that this one is shown under (trials of a sweep).
        name: Shown in the UI; MLflow invents one.
        root: The project's root.
    """
    with session(root) as stores:
        opened = Run(stores, lambda store: _begin(store, flywheel, _tags(tags, parent, root), name))
        opened.log_params(params)
        with _ended(opened):
            yield opened


@contextmanager
def resume(flywheel: str, tags: Mapping[str, str], name: str | None = None, root: Path = Path()) -> Iterator[Run]:
    """The newest run that has all these tags, opened again; a new one with them where there is none."""
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
    """Id of the newest run of a flywheel that has all these tags, such as `{"bundle": digest}`."""
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
    """A new run; the place for its files is checked first, as an upload would fail only after minutes."""
    if store.place:
        lake.check(store.place)
    client = connect(store)
    run = client.create_run(experiment(client, store, flywheel), tags=dict(tags), run_name=name)
    return Opened(client, store.uri, run.info.run_id, ours=True)


def _search(stores: Sequence[Store], flywheel: str, tags: Mapping[str, str]) -> tuple[list[Store], str | None]:
    """The stores that answer, the one that has the run first; and the run's id."""
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
        return None  # nothing was ever written there, and making the tables takes seconds
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
    """With those that MLflow's pages show: commit, source, and the run that this one is nested under."""
    commit = git_commit(root)
    usual = {"git_commit": commit, "mlflow.source.git.commit": commit, "mlflow.source.name": "volant"}
    return {**usual, **({"mlflow.parentRunId": parent} if parent else {}), **takeable(given)}
