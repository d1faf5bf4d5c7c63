"""The ledger in MLflow: each entry is a version of the registered model `<flywheel>.ledger`, its content is a tag.

The creation of a model version with its tags is one transaction, numbered by the store, in SQLite, in a database and
behind a server alike: MLflow offers nothing else that is append-only.
"""

import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from volant.errors import VolantError
from volant.tracking.database import Database, StoredModel
from volant.tracking.ledger import Entry, Event, LedgerError, chain, next_time, sealed, tampered

if TYPE_CHECKING:
    from mlflow.entities.model_registry import RegisteredModel
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

SUFFIX = ".ledger"
TAG = "entry"
HEAD = "head"
SOURCE = "volant:/ledger"  # MLflow requires a location of files, and its server an absolute one; there are none
ATTEMPTS = 50  # attempts in which another machine may be first
PATIENCE = 5  # attempts in which the store may be busy
BUSY = ("RESOURCE_ALREADY_EXISTS", "TEMPORARILY_UNAVAILABLE")  # MLflow's messages for a lost race


@dataclass(frozen=True)
class Decision:
    """A decision to append. The `facts` of a version are set when it is registered, and repeated after that."""

    event: Event
    version: int
    by: str
    note: str = ""
    reasons: tuple[str, ...] = ()
    previous: int | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    test: str = ""
    verdict: str = ""


# What is read; only MLflow's client writes.
Source: TypeAlias = "MlflowClient | Database"
Decide = Callable[[list[Entry]], Decision | None]


def read(client: Source, flywheel: str) -> list[Entry]:
    """Return the valid entries of a flywheel, oldest first.

    Fails with `LedgerError` if the ledger was changed after it was written.
    """
    # the head first: an entry that is appended meanwhile makes the ledger longer than the head, never shorter
    ledger = find(client, flywheel + SUFFIX)
    if ledger is None:
        return []
    entries = chain(flywheel, stored(client, flywheel))
    _check_head(flywheel, entries, ledger.tags.get(HEAD))
    return entries


def append(client: "MlflowClient", flywheel: str, decide: Decide) -> list[Entry]:
    """Append a decision that is made on the current entries, and return all entries.

    Fails with `MlflowException` if the store fails in another way, and doesn't have the entry.

    Args:
        client: Client of the registry.
        flywheel: Name of the flywheel.
        decide: Function from the entries to the decision, or to None for no change; called again if another machine
            was first. It raises to refuse.

    Raises:
        VolantError: If `decide` refuses, the ledger was tampered with, or other writers are always first.
    """
    name = flywheel + SUFFIX
    entry = None
    failures = []
    for _ in range(ATTEMPTS):
        entries = read(client, flywheel)
        if entry in entries:  # also if the store has it and only its response was lost
            _set_head(client, name, entries)
            return entries
        if failures and (len(failures) > PATIENCE or not _lost_race(failures[-1])):
            raise failures[-1]
        decision = decide(entries)
        if decision is None:
            return entries
        entry = sealed(_entry(decision, entries), flywheel)
        ensure(client, name)
        _set_head(client, name, entries)
        failures += _create(client, name, entry)
    raise VolantError(
        f"Other writers were first {ATTEMPTS} times in a row in the ledger of {flywheel}. Run the same command again."
    )


def _create(client: "MlflowClient", name: str, entry: Entry) -> "list[MlflowException]":
    """Append an entry, and return the store's error if it failed."""
    from mlflow.exceptions import MlflowException

    try:
        text = json.dumps(asdict(entry), ensure_ascii=False)
        client.create_model_version(name, SOURCE, tags={TAG: text}, await_creation_for=0)
    except MlflowException as error:
        time.sleep(random.uniform(0.05, 0.3))  # noqa: S311
        return [error]
    return []


def _lost_race(error: "MlflowException") -> bool:
    """Return True if another writer was first: MLflow retries three times for a number, then raises without a code."""
    return error.error_code in BUSY or "Giving up after" in str(error)


def names(client: Source) -> list[str]:
    """Return the names of all registered models."""
    if isinstance(client, Database):
        return client.names()
    names = []
    token = None
    while True:
        page = client.search_registered_models(page_token=token)
        names += [model.name for model in page]
        token = page.token
        if not token:
            return names


def find(client: Source, name: str) -> "RegisteredModel | StoredModel | None":
    """Return a registered model; None if there is none of that name.

    Raises:
        MlflowException: If the store fails.
    """
    if isinstance(client, Database):
        return client.find(name)
    from mlflow.exceptions import MlflowException

    try:
        return client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise


def ensure(client: "MlflowClient", name: str) -> None:
    """Create a registered model unless it exists.

    Raises:
        MlflowException: If the store fails.
    """
    from mlflow.exceptions import MlflowException

    if find(client, name) is None:
        try:
            client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":  # another process was first
                raise


def everything(client: Source, name: str) -> list[Any]:
    """Return all versions of a registered model, oldest first."""
    if isinstance(client, Database):
        return client.versions(name)
    versions = []
    token = None
    while True:
        page = client.search_model_versions(f"name = '{name}'", 1000, ["version_number ASC"], token)
        versions += page
        token = page.token
        if not token:
            return sorted(versions, key=lambda version: int(version.version))


def stored(client: Source, flywheel: str) -> list[tuple[int, Any]]:
    """Return the number and content of all entries in the store, valid or not."""
    versions = everything(client, flywheel + SUFFIX)
    return [(int(version.version), _tree(version.tags.get(TAG))) for version in versions]


def latest(client: "MlflowClient", flywheel: str) -> int:
    """Return the store's number of the newest entry, valid or not; 0 if there is none."""
    page = client.search_model_versions(f"name = '{flywheel + SUFFIX}'", 1, ["version_number DESC"])
    return int(page[0].version) if page else 0


def _tree(text: str | None) -> Any:
    try:
        return json.loads(text or "")
    except ValueError:
        return None


def _entry(decision: Decision, entries: list[Entry]) -> Entry:
    registered = next((e for e in entries if e.event == "register" and e.version == decision.version), None)
    names = ("bundle", "commit", "data", "config")
    facts = {name: getattr(registered, name) for name in names} if registered else {}
    return Entry(
        seq=len(entries) + 1,
        time=next_time(entries),
        event=decision.event,
        version=decision.version,
        previous=decision.previous,
        by=decision.by,
        note=decision.note,
        reasons=decision.reasons,
        prev=entries[-1].hash if entries else "",
        test=decision.test,
        verdict=decision.verdict,
        **{**facts, **decision.facts},
    )


def _set_head(client: "MlflowClient", name: str, entries: list[Entry]) -> None:
    """Record the end of the ledger apart from it, so that a removed tail is detected."""
    if entries:
        client.set_registered_model_tag(name, HEAD, f"{len(entries)}:{entries[-1].hash}")


def _check_head(flywheel: str, entries: list[Entry], head: str | None) -> None:
    if head is None and len(entries) < 2:  # the first entry comes before the first head
        return
    seq, _, end = (head or "").partition(":")
    if not seq.isdigit() or not 0 < int(seq) <= len(entries) or entries[int(seq) - 1].hash != end:
        raise LedgerError(tampered(flywheel, f"it ends at entry {len(entries)}, but its recorded end is '{seq}'"))
