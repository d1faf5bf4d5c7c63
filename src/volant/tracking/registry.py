"""The registry: the versions of each flywheel, which one is active, and who decided that.

The ledger is the one truth about decisions and is written first; MLflow's aliases and tags follow it, and are put
right by the next verb if a crash (or a hand in MLflow's pages) left them behind. Unlike a run, a version is never
written to a second place: a registry that is down is an error.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from volant.errors import VolantError
from volant.tracking import aliases, artifacts, ledger_store
from volant.tracking import version as versions
from volant.tracking.best import Best, best
from volant.tracking.client import client as connect
from volant.tracking.ledger import Entry, State, state, until
from volant.tracking.ledger_store import Decision
from volant.tracking.rules import Rules, Seen, StaleError, person
from volant.tracking.stores import Store, reason, session, shown
from volant.tracking.version import Record, Version
from volant.workspace.locks import held
from volant.workspace.paths import LOCKS, VERSIONS, WEIGHTS

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

__all__ = ["Record", "Registry", "Seen", "StaleError", "Version", "registry"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
PATIENCE = 120  # seconds that a verb waits for another one on this machine


@contextmanager
def registry(root: Path = Path()) -> Iterator["Registry"]:
    """The registry at `MLFLOW_TRACKING_URI`, else in the project's `mlflow.db`.

    Raises:
        VolantError: If it is down, or fails while it is used; nothing is lost then.
    """
    with session(root) as stores:
        store = stores[0]
        try:
            client = connect(store)
            client.search_registered_models(max_results=1)
        except Exception as error:  # MLflow's, the database's, the socket's
            raise _down(store, error, "can't be used") from error
        from mlflow.exceptions import MlflowException
        from requests import RequestException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield Registry(client, store, root)
        except (MlflowException, RequestException, SQLAlchemyError) as error:
            raise _down(store, error, "failed") from error


def _down(store: Store, error: Exception, what: str) -> VolantError:
    return VolantError(
        f"The registry at {shown(store.uri)} {what} ({reason(error)}). Nothing is lost: start it, or mend "
        "MLFLOW_TRACKING_URI, then run the same command again."
    )


class Registry:
    """Versions and what is decided about them; made by `registry`."""

    def __init__(self, client: "MlflowClient", store: Store, root: Path) -> None:
        self._client, self._store, self._root = client, store, root

    def register(self, flywheel: str, bundle: Path, record: Record, by: str | None = None) -> Version:
        """Make a bundle a version, which then waits for approval; the same bundle is always the same version.

        Args:
            flywheel: Whose version.
            bundle: The bundle's folder.
            record: What is kept with it.
            by: Who registers it; the user of this machine if left out.

        Raises:
            VolantError: If it is no sound bundle of this flywheel, or its files can't be kept.
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

    def knows(self, flywheel: str) -> bool:
        """Whether it holds anything of that flywheel."""
        return any(ledger_store.find(self._client, name) for name in (named(flywheel), flywheel + ledger_store.SUFFIX))

    def flywheels(self) -> list[str]:
        """The names of all flywheels that it holds something of."""
        found, token = [], None
        while True:
            page = self._client.search_registered_models(page_token=token)
            found += [model.name.removesuffix(ledger_store.SUFFIX) for model in page]
            token = page.token
            if not token:
                return sorted(set(found))

    def versions(self, flywheel: str) -> list[Version]:
        """All versions, the newest first."""
        now = self._state(flywheel)
        return [versions.read(v, now) for v in reversed(aliases.made(self._client, named(flywheel)))]

    def get(self, flywheel: str, number: int) -> Version:
        """One version.

        Raises:
            VolantError: If there is none of that number; says which there are.
        """
        every = self.versions(flywheel)
        found = next((version for version in every if version.number == number), None)
        if found is None:
            known = ", ".join(str(version.number) for version in reversed(every))
            hint = f"There are: {known}" if known else f"There is none yet: `volant iterate {flywheel}` makes the first"
            raise VolantError(f"{flywheel} has no version {number}. {hint}.")
        return found

    def champion(self, flywheel: str) -> Version | None:
        """The active version; none also where somebody deleted it in MLflow's pages."""
        number = self._state(flywheel).champion
        return next((version for version in self.versions(flywheel) if version.number == number), None)

    def lost(self, flywheel: str) -> tuple[int, int | None] | None:
        """The champion by the ledger, where somebody deleted it in MLflow's pages, and where a rollback would go.

        None: there is no champion, or it is there.
        """
        now, there = self._state(flywheel), {version.number for version in self.versions(flywheel)}
        if now.champion is None or now.champion in there:
            return None
        return now.champion, now.fallback if now.fallback in there else None

    def line(self, flywheel: str) -> list[Version]:
        """The champions that a rollback can go back to, the oldest first, and the active one."""
        champions = self._state(flywheel).champions
        found = {version.number: version for version in self.versions(flywheel)}
        return [found[n] for n in dict.fromkeys(champions) if n in found and found[n].status == "approved"]

    def challenger(self, flywheel: str) -> Version | None:
        """The newest version that waits for approval."""
        number = self._state(flywheel).challenger
        return None if number is None else self.get(flywheel, number)

    def number(self, flywheel: str, given: str) -> int:
        """The number that a person means: a number, `champion` or `challenger`.

        Raises:
            VolantError: If it is neither, or no version has that alias.
        """
        if given.isdecimal():
            return int(given)
        if given not in ("champion", "challenger"):
            raise VolantError(
                f"'{given}' is no version. Give a number of `volant versions {flywheel}`, champion or challenger."
            )
        found = getattr(self._state(flywheel), given)
        if found is None:
            raise VolantError(f"{flywheel} has no {given} now. `volant versions {flywheel}` lists its versions.")
        return found

    def state(self, flywheel: str) -> State:
        """Everything that follows from the ledger now."""
        return self._state(flywheel)

    def compared(  # noqa: PLR0913  (one entry of the ledger)
        self, flywheel: str, number: int, verdict: str, test: str, *, note: str, seen: Seen, by: str | None = None
    ) -> Version:
        """Record that a version was compared with the champion.

        Raises:
            StaleError: If the ledger no longer says what was seen.
        """
        rules = Rules(flywheel, by or person(), seen)
        return self._decide(flywheel, number, lambda now: rules.compare(now, number, verdict, test, note))

    def approve(
        self, flywheel: str, number: int, note: str = "", by: str | None = None, seen: Seen | None = None
    ) -> Version:
        """Let a version become the active one; also one that the gate rejected, as a person may know better.

        Raises:
            StaleError: If the ledger no longer says what was seen.
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

        Raises:
            VolantError: If it is active now.
            StaleError: If the ledger no longer says what was seen.
        """
        rules = Rules(flywheel, by or person(), seen)
        return self._decide(flywheel, number, lambda now: rules.reject(now, number, note, tuple(reasons)))

    def promote(self, flywheel: str, number: int, by: str | None = None, seen: Seen | None = None) -> Version:
        """Make an approved version the active one.

        Raises:
            VolantError: If it isn't approved.
            StaleError: If the ledger no longer says what was seen.
        """
        rules = Rules(flywheel, by or person(), seen)
        return self._decide(flywheel, number, lambda now: rules.promote(now, number))

    def rollback(self, flywheel: str, by: str | None = None) -> Version:
        """Make the champion before this one active again; a rollback that was cut off is finished, not done twice.

        Raises:
            VolantError: If no version that is still approved was active before.
        """
        rules = Rules(flywheel, by or person())
        with self._turn(flywheel) as cut_off:
            if not (cut_off and self._entries(flywheel)[-1].event == "rollback"):
                ledger_store.append(self._client, flywheel, lambda found: rules.rollback(state(found)))
                aliases.follow(self._client, flywheel)
            return self.get(flywheel, self.number(flywheel, "champion"))

    def best(self, flywheel: str, metric: str) -> Best:
        """The best version by any logged metric; and the best run, where one that became no version is better.

        Raises:
            VolantError: If nothing has the metric; says which there are.
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

        Raises:
            VolantError: If it can't be had, or isn't what was registered.
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

        Raises:
            VolantError: If its training kept none, or they can't be had.
        """
        folder = self._root / WEIGHTS / flywheel / str(number)
        with self._locked(f"{flywheel}.fetch"):
            if not folder.exists():
                artifacts.get_weights(self._client, self.get(flywheel, number).run_id, folder)
        return folder

    def history(self, flywheel: str, at: datetime | None = None) -> list[Entry]:
        """What was decided, oldest first; up to `at`.

        Raises:
            LedgerError: If the ledger was tampered with; says where.
        """
        return until(self._entries(flywheel), at)

    def active(self, flywheel: str, at: datetime) -> Entry | None:
        """The promotion or rollback by which the version that was active at `at` had become so."""
        moves = [e for e in self.history(flywheel, at) if e.event in ("promote", "rollback")]
        return moves[-1] if moves else None

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

    def _entries(self, flywheel: str) -> list[Entry]:
        return ledger_store.read(self._client, named(flywheel))

    def _state(self, flywheel: str) -> State:
        return state(self._entries(flywheel))

    def _locked(self, name: str) -> AbstractContextManager[None]:
        path, waiting = self._root / LOCKS / name, f"Waiting for {{holder}}, which holds {name}."
        refused = f"{path} is held by {{holder}} for {PATIENCE} seconds. Wait for it, or end it."
        return held(path, "the registry", PATIENCE, waiting, refused)


def named(flywheel: str) -> str:
    """The name, if it can be one of a registered model and of a folder.

    Raises:
        VolantError: If it can't.

    Example:
        >>> named("reviews")
        'reviews'
    """
    if not NAME.fullmatch(flywheel) or flywheel.endswith(ledger_store.SUFFIX):
        raise VolantError(
            f"'{flywheel}' can't be a flywheel: letters, digits, '.', '_' and '-', "
            f"no '{ledger_store.SUFFIX}' at its end."
        )
    return flywheel
