"""The registry: the versions of each flywheel, which one is active, and who decided that.

The ledger is the one truth about decisions and is written first; MLflow's aliases and tags follow it, and are put
right by the next verb if a crash (or a hand in MLflow's pages) left them behind. Unlike a run, a version is never
written to a second place: a registry that is down is an error.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from volant.errors import VolantError
from volant.tracking import aliases, artifacts, ledger_store
from volant.tracking import version as versions
from volant.tracking.best import Best, best
from volant.tracking.client import client as connect
from volant.tracking.ledger import State, state
from volant.tracking.ledger_store import Decision
from volant.tracking.reader import Reader, named
from volant.tracking.rules import Rules, Seen, StaleError, person
from volant.tracking.stores import Store, down, session
from volant.tracking.version import Record, Version
from volant.workspace.locks import held
from volant.workspace.paths import LOCKS, VERSIONS, WEIGHTS

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

__all__ = ["Record", "Registry", "Seen", "StaleError", "Version", "registry"]

PATIENCE = 120  # seconds that a verb waits for another one on this machine


@contextmanager
def registry(root: Path = Path()) -> Iterator["Registry"]:
    """The registry at `MLFLOW_TRACKING_URI`, else in the project's `mlflow.db`.

    Fails with `VolantError` if it is down, or fails while it is used; nothing is lost then.
    """
    with session(root) as stores:
        store = stores[0]
        try:
            client = connect(store)
            client.search_registered_models(max_results=1)
        except Exception as error:  # MLflow's, the database's, the socket's
            raise down(store.uri, error, "can't be used") from error
        from mlflow.exceptions import MlflowException
        from requests import RequestException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield Registry(client, store, root)
        except (MlflowException, RequestException, SQLAlchemyError) as error:
            raise down(store.uri, error, "failed") from error


class Registry(Reader):
    """Versions and what is decided about them; made by `registry`."""

    def __init__(self, client: "MlflowClient", store: Store, root: Path) -> None:
        super().__init__(client)
        self._client = client
        self._store = store
        self._root = root

    def register(self, flywheel: str, bundle: Path, record: Record, by: str | None = None) -> Version:
        """Make a bundle a version, which then waits for approval; the same bundle is always the same version.

        Fails with `VolantError` if it is no sound bundle of this flywheel, or its files can't be kept.

        Args:
            flywheel: Whose version.
            bundle: The bundle's folder.
            record: What is kept with it.
            by: Who registers it; the user of this machine if left out.
        """
        named(flywheel)
        manifest = versions.checked(bundle, flywheel)
        told = versions.tags(manifest, record, versions.bundle_size(manifest), by or person())
        # minutes for a large model: before the lock is taken
        run = (
            None if self._same(flywheel, told) else artifacts.keep(self._client, self._store, bundle, manifest, record)
        )
        with self._turn(flywheel):
            if run and not self._same(flywheel, told):
                ledger_store.ensure(self._client, flywheel)
                place = f"{run.info.artifact_uri}/{artifacts.FOLDER}"
                self._client.create_model_version(flywheel, place, run.info.run_id, tags=told, await_creation_for=0)
            aliases.adopt(self._client, flywheel)
            aliases.follow(self._client, flywheel)
            return self.get(flywheel, self._same(flywheel, told))

    def compared(  # noqa: PLR0913  (one entry of the ledger)
        self, flywheel: str, number: int, verdict: str, test: str, *, note: str, seen: Seen, by: str | None = None
    ) -> Version:
        """Record that a version was compared with the champion.

        Fails with `StaleError` if the ledger no longer says what was seen.
        """
        rules = Rules(flywheel, by or person(), seen)
        return self._decide(flywheel, number, lambda now: rules.compare(now, number, verdict, test, note))

    def approve(
        self, flywheel: str, number: int, note: str = "", by: str | None = None, seen: Seen | None = None
    ) -> Version:
        """Let a version become the active one; also one that the gate rejected, as a person may know better.

        Fails with `StaleError` if the ledger no longer says what was seen.
        """
        rules = Rules(flywheel, by or person(), seen)
        return self._decide(flywheel, number, lambda now: rules.approve(now, number, note))

    def reject(
        self,
        flywheel: str,
        number: int,
        note: str = "",
        reasons: Sequence[str] = (),
        by: str | None = None,
        seen: Seen | None = None,
    ) -> Version:
        """Keep a version from becoming the active one.

        Fails with `VolantError` if it is active now. Fails with `StaleError` if the ledger no longer says what was
        seen.
        """
        rules = Rules(flywheel, by or person(), seen)
        return self._decide(flywheel, number, lambda now: rules.reject(now, number, note, tuple(reasons)))

    def promote(self, flywheel: str, number: int, by: str | None = None, seen: Seen | None = None) -> Version:
        """Make an approved version the active one.

        Fails with `VolantError` if it isn't approved. Fails with `StaleError` if the ledger no longer says what was
        seen.
        """
        rules = Rules(flywheel, by or person(), seen)
        return self._decide(flywheel, number, lambda now: rules.promote(now, number))

    def rollback(self, flywheel: str, by: str | None = None) -> Version:
        """Make the champion before this one active again; a rollback that was cut off is finished, not done twice.

        Fails with `VolantError` if no version that is still approved was active before.
        """
        rules = Rules(flywheel, by or person())
        with self._turn(flywheel) as cut_off:
            if not (cut_off and self._entries(flywheel)[-1].event == "rollback"):
                ledger_store.append(self._client, flywheel, lambda found: rules.rollback(state(found)))
                aliases.follow(self._client, flywheel)
            return self.get(flywheel, self.number(flywheel, "champion"))

    def best(self, flywheel: str, metric: str) -> Best:
        """The best version by any logged metric; and the best run, where one that became no version is better.

        Fails with `VolantError` if nothing has the metric; says which there are.
        """
        return best(self._client, flywheel, metric, self.versions(flywheel))

    def record(self, flywheel: str, number: int) -> Record:
        """What is kept with a version."""
        return artifacts.get_record(self._client, self.get(flywheel, number).run_id)

    def annotate(
        self, flywheel: str, number: int, gate: dict[str, Any] | None, measured: dict[str, Any] | None = None
    ) -> None:
        """Keep what the gate found with a version; what it measured also where no file has to be fetched for it."""
        if gate is not None:
            artifacts.put_gate(self._client, self.get(flywheel, number).run_id, gate)
        if measured is not None:
            self._client.set_model_version_tag(flywheel, str(number), versions.GATED, json.dumps(measured))

    def fetch(self, flywheel: str, number: int) -> Path:
        """The folder of a version's bundle on this machine, checked file by file; downloaded if it isn't there.

        Fails with `VolantError` if it can't be had, or isn't what was registered.
        """
        version = self.get(flywheel, number)
        folder = self._root / VERSIONS / flywheel / str(number)
        with self._locked(f"{flywheel}.fetch"):
            try:
                artifacts.require(folder, version.digest)
            except VolantError:
                artifacts.get_bundle(self._client, version.run_id, version.digest, folder)
        return folder

    def weights(self, flywheel: str, number: int) -> Path:
        """The folder of a version's weights on this machine, from which training can start.

        Fails with `VolantError` if its training kept none, or they can't be had.
        """
        folder = self._root / WEIGHTS / flywheel / str(number)
        with self._locked(f"{flywheel}.fetch"):
            if not folder.exists():
                artifacts.get_weights(self._client, self.get(flywheel, number).run_id, folder)
        return folder

    def _decide(self, flywheel: str, number: int, rule: Callable[[State], Decision | None]) -> Version:
        with self._turn(flywheel):
            ledger_store.append(self._client, flywheel, lambda found: rule(self._known(flywheel, number, state(found))))
            aliases.follow(self._client, flywheel)
            return self.get(flywheel, number)

    def _known(self, flywheel: str, number: int, now: State) -> State:
        self.get(flywheel, number)  # the ledger may know one that was deleted since; says which there are
        return now

    @contextmanager
    def _turn(self, flywheel: str) -> Iterator[bool]:
        """One writer of this machine at a time, after what a crash left behind is put right: whether there was one."""
        with self._locked(f"{named(flywheel)}.ledger"):
            yield aliases.heal(self._client, flywheel)

    def _same(self, flywheel: str, told: Mapping[str, str]) -> int:
        """The number of the version with this bundle, 0 if there is none."""
        same = [v for v in aliases.made(self._client, flywheel) if v.tags["bundle"] == told["bundle"]]
        return int(same[0].version) if same else 0

    def _locked(self, name: str) -> AbstractContextManager[None]:
        path = self._root / LOCKS / name
        waiting = f"Waiting for {{holder}}, which holds {name}."
        refused = f"{path} is held by {{holder}} for {PATIENCE} seconds. Wait for it, or end it."
        return held(path, "the registry", PATIENCE, waiting, refused)
