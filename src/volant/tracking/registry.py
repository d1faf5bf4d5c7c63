"""The registry: the versions of each flywheel, its champion, and the decisions about them.

The ledger is the only source of decisions and is written first. MLflow's aliases and tags follow it; the next command
corrects them after a crash or an edit in MLflow's UI. Unlike a run, a version is never written to a second place: a
registry that is down is an error.
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
from volant.tracking.ledger import Entry, State, replay
from volant.tracking.ledger_store import Decision
from volant.tracking.reader import Reader, checked_name
from volant.tracking.rules import Rules, Seen, StaleError, person
from volant.tracking.stores import Store, failure, session
from volant.tracking.version import Record, Version
from volant.workspace.locks import held
from volant.workspace.paths import LOCKS, VERSIONS, WEIGHTS

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

__all__ = ["Record", "Registry", "Seen", "StaleError", "Version", "registry"]

PATIENCE = 120  # seconds that a command waits for another one on this machine


@contextmanager
def registry(root: Path = Path()) -> Iterator["Registry"]:
    """Open the registry at `MLFLOW_TRACKING_URI`, else in the project's `mlflow.db`, for the context.

    Raises:
        VolantError: If it is down, or fails during the context; nothing is lost then.
    """
    with session(root) as stores:
        store = stores[0]
        try:
            client = connect(store)
            client.search_registered_models(max_results=1)
        except Exception as error:  # MLflow's, the database's, the socket's
            raise VolantError(failure(store.uri, "can't be used", error)) from error
        from mlflow.exceptions import MlflowException
        from requests import RequestException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield Registry(client, store, root)
        except (MlflowException, RequestException, SQLAlchemyError) as error:
            raise VolantError(failure(store.uri, "failed", error)) from error


class Registry(Reader):
    """The versions and the decisions about them; opened by `registry`."""

    def __init__(self, client: "MlflowClient", store: Store, root: Path) -> None:
        super().__init__(client)
        self._client = client
        self._store = store
        self._root = root

    def register(self, flywheel: str, bundle: Path, record: Record, by: str | None = None) -> Version:
        """Register a bundle as a version, which then waits for approval; the same bundle is always the same version.

        Fails with `VolantError` if it is not a valid bundle of this flywheel, or its files can't be stored.

        Args:
            flywheel: Name of the flywheel.
            bundle: Folder of the bundle.
            record: Record to store with the version.
            by: Person who registers it; the user of this machine by default.
        """
        checked_name(flywheel)
        manifest = versions.checked(bundle, flywheel)
        tags = versions.tags(manifest, record, versions.bundle_size(manifest), by or person())
        run = None
        if not self._same(flywheel, tags):  # minutes for a large model: before the lock is taken
            run = artifacts.keep(self._client, self._store, bundle, manifest, record)
        with self._locked_ledger(flywheel):
            if run and not self._same(flywheel, tags):
                ledger_store.ensure(self._client, flywheel)
                place = f"{run.info.artifact_uri}/{artifacts.FOLDER}"
                self._client.create_model_version(flywheel, place, run.info.run_id, tags=tags, await_creation_for=0)
            aliases.adopt(self._client, flywheel)
            aliases.follow(self._client, flywheel)
            return self.get(flywheel, self._same(flywheel, tags))

    def compared(  # noqa: PLR0913  (one entry of the ledger)
        self, flywheel: str, number: int, verdict: str, test: str, *, note: str, seen: Seen, by: str | None = None
    ) -> Version:
        """Record that a version was compared with the champion.

        Fails with `StaleError` if the ledger's state differs from `seen`.

        Args:
            flywheel: Name of the flywheel.
            number: Number of the version.
            verdict: Result of the comparison.
            test: Digest of the test rows.
            note: Note of the entry.
            seen: State that the comparison is based on.
            by: Person who compared; the user of this machine by default.
        """
        rules = Rules(flywheel, by or person(), seen)
        return self._decide(flywheel, number, lambda state: rules.compare(state, number, verdict, test, note))

    def approve(
        self, flywheel: str, number: int, note: str = "", by: str | None = None, seen: Seen | None = None
    ) -> Version:
        """Approve a version for promotion, even after the gate rejected it: a person decides.

        Fails with `StaleError` if the ledger's state differs from `seen`.

        Args:
            flywheel: Name of the flywheel.
            number: Number of the version.
            note: Reason in the person's words.
            by: Person who approves it; the user of this machine by default.
            seen: State that the decision is based on; not checked by default.
        """
        rules = Rules(flywheel, by or person(), seen)
        return self._decide(flywheel, number, lambda state: rules.approve(state, number, note))

    def reject(
        self,
        flywheel: str,
        number: int,
        note: str = "",
        reasons: Sequence[str] = (),
        by: str | None = None,
        seen: Seen | None = None,
    ) -> Version:
        """Reject a version, so that it can't be promoted.

        Fails with `VolantError` if it is the champion, and with `StaleError` if the ledger's state differs from
        `seen`.

        Args:
            flywheel: Name of the flywheel.
            number: Number of the version.
            note: Reason in the person's words.
            reasons: Reasons of the gate.
            by: Person who rejects it; the user of this machine by default.
            seen: State that the decision is based on; not checked by default.
        """
        rules = Rules(flywheel, by or person(), seen)
        return self._decide(flywheel, number, lambda state: rules.reject(state, number, note, tuple(reasons)))

    def promote(self, flywheel: str, number: int, by: str | None = None, seen: Seen | None = None) -> Version:
        """Make an approved version the champion.

        Fails with `VolantError` if it is not approved, and with `StaleError` if the ledger's state differs from `seen`.

        Args:
            flywheel: Name of the flywheel.
            number: Number of the version.
            by: Person who promotes it; the user of this machine by default.
            seen: State that the decision is based on; not checked by default.
        """
        rules = Rules(flywheel, by or person(), seen)
        return self._decide(flywheel, number, lambda state: rules.promote(state, number))

    def rollback(self, flywheel: str, by: str | None = None) -> Version:
        """Return to the previous champion; an interrupted rollback is completed, not repeated.

        Fails with `VolantError` if no earlier champion is still approved.
        """
        rules = Rules(flywheel, by or person())
        with self._locked_ledger(flywheel) as interrupted:
            if not (interrupted and self._entries(flywheel)[-1].event == "rollback"):
                ledger_store.append(self._client, flywheel, lambda entries: rules.rollback(replay(entries)))
                aliases.follow(self._client, flywheel)
            return self.get(flywheel, self.number(flywheel, "champion"))

    def best(self, flywheel: str, metric: str) -> Best:
        """Return the best version by a logged metric; and the best run, if one that became no version is better.

        Fails with `VolantError` if nothing has the metric; the message lists those there are.
        """
        return best(self._client, flywheel, metric, self.versions(flywheel))

    def record(self, flywheel: str, number: int) -> Record:
        """Return the record of a version."""
        return artifacts.get_record(self._client, self.get(flywheel, number).run_id)

    def annotate(
        self, flywheel: str, number: int, gate: dict[str, Any] | None, measured: dict[str, Any] | None = None
    ) -> None:
        """Store the gate's result with a version; its measurement as a tag, which is read without a download.

        Args:
            flywheel: Name of the flywheel.
            number: Number of the version.
            gate: Result of the gate; None to keep the former one.
            measured: Measurement of the gate; None to keep the former one.
        """
        if gate is not None:
            artifacts.put_gate(self._client, self.get(flywheel, number).run_id, gate)
        if measured is not None:
            self._client.set_model_version_tag(flywheel, str(number), versions.GATED, json.dumps(measured))

    def fetch(self, flywheel: str, number: int) -> Path:
        """Return the folder of a version's bundle on this machine, verified; download it if it is missing.

        Fails with `VolantError` if it can't be downloaded, or is not the registered bundle.
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
        """Return the folder of a version's weights on this machine, from which a training can start.

        Fails with `VolantError` if its training stored none, or they can't be downloaded.
        """
        folder = self._root / WEIGHTS / flywheel / str(number)
        with self._locked(f"{flywheel}.fetch"):
            if not folder.exists():
                artifacts.get_weights(self._client, self.get(flywheel, number).run_id, folder)
        return folder

    def _decide(self, flywheel: str, number: int, rule: Callable[[State], Decision | None]) -> Version:
        def decide(entries: list[Entry]) -> Decision | None:
            self.get(flywheel, number)  # the ledger may have one that was deleted since
            return rule(replay(entries))

        with self._locked_ledger(flywheel):
            ledger_store.append(self._client, flywheel, decide)
            aliases.follow(self._client, flywheel)
            return self.get(flywheel, number)

    @contextmanager
    def _locked_ledger(self, flywheel: str) -> Iterator[bool]:
        """Hold the ledger's lock, after the repair of an incomplete decision; True in the context if there was one."""
        with self._locked(f"{checked_name(flywheel)}.ledger"):
            yield aliases.heal(self._client, flywheel)

    def _same(self, flywheel: str, tags: Mapping[str, str]) -> int:
        """Return the number of the version with the same bundle; 0 if there is none."""
        same = [v for v in aliases.registered_versions(self._client, flywheel) if v.tags["bundle"] == tags["bundle"]]
        return int(same[0].version) if same else 0

    def _locked(self, name: str) -> AbstractContextManager[None]:
        path = self._root / LOCKS / name
        waiting = f"Waiting for {{holder}}, which holds {name}."
        refused = f"{path} has been held by {{holder}} for {PATIENCE} seconds. Wait for it, or end it."
        return held(path, "the registry", PATIENCE, waiting, refused)
