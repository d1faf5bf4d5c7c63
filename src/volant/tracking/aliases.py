"""Synchronisation of MLflow's aliases and tags with the ledger: after each decision, and after a crash in between."""

import json
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from volant.tracking import ledger_store
from volant.tracking import version as versions
from volant.tracking.ledger import Entry, LedgerError, State, state, tampered
from volant.tracking.ledger_store import Decision

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

    from volant.tracking.ledger_store import Source

log = logging.getLogger(__name__)
ALIASES = ("champion", "challenger")
FOLLOWED = "followed"  # tag of the ledger: hash of the last entry that aliases and tags follow


def made(client: "Source", flywheel: str) -> list[Any]:
    """Return the versions that Volant made, oldest first; a bundle registered by two machines at once appears once.

    They are MLflow's own `ModelVersion`, or a `StoredVersion` by the same names.
    """
    first: dict[str, Any] = {}
    for version in ledger_store.everything(client, flywheel):
        if "bundle" in version.tags:
            first.setdefault(version.tags["bundle"], version)
    return list(first.values())


def adopt(client: "MlflowClient", flywheel: str) -> list[int]:
    """Write the ledger entries of versions that have none yet, and return their numbers.

    MLflow numbers a version before the ledger can record it.

    Fails with `LedgerError` if there was a decision about such a version, as then the ledger has lost its entries.
    """
    known = state(ledger_store.read(client, flywheel)).statuses
    missing = [version for version in made(client, flywheel) if int(version.version) not in known]
    for version in missing:
        ledger_store.append(client, flywheel, partial(_registered, flywheel, version))
    return [int(version.version) for version in missing]


def _registered(flywheel: str, version: "ModelVersion", found: list[Entry]) -> Decision | None:
    number = int(version.version)
    if number in state(found).statuses:  # another machine was first
        return None
    if version.tags.get("validation_status", "pending") != "pending":
        raise LedgerError(tampered(flywheel, f"it does not know version {number}, which was decided about"))
    return Decision("register", number, version.tags["by"], facts=versions.facts(version.tags))


def heal(client: "MlflowClient", flywheel: str) -> bool:
    """Repair differences from the ledger after a crash or an edit in MLflow's UI, and log them.

    Returns:
        True if a decision was incomplete.
    """
    for number in adopt(client, flywheel):
        log.warning("%s: the registration of version %d was cut off; now it is complete.", flywheel, number)
    changed = follow(client, flywheel)
    behind = changed.pop(FOLLOWED, None)
    for name, was in changed.items():
        now = getattr(state(ledger_store.read(client, flywheel)), name)
        log.warning("%s: %s was %s, and is %s by the ledger: put right.", flywheel, name, was or "none", now or "none")
    return behind is not None


def follow(client: "MlflowClient", flywheel: str) -> dict[str, str | None]:
    """Set aliases and tags by the ledger, and return the former values of those that differed."""
    changed: dict[str, str | None] = {}
    while True:
        seen = ledger_store.latest(client, flywheel)
        found = ledger_store.read(client, flywheel)
        every = made(client, flywheel)
        now = state(found)
        changed = {**_aliases(client, flywheel, now, every), **changed}
        for version in every:
            _tags(client, version, now)
        changed = {**_noted(client, flywheel, found), **changed}
        if ledger_store.latest(client, flywheel) == seen:  # else another machine has appended meanwhile
            return changed


def _noted(client: "MlflowClient", flywheel: str, found: list[Entry]) -> dict[str, str | None]:
    """Record that all has followed the last entry; a missing record shows an incomplete decision."""
    home = ledger_store.find(client, flywheel + ledger_store.SUFFIX)
    have = home.tags.get(FOLLOWED) if home else None
    if not found or have == found[-1].hash:
        return {}
    client.set_registered_model_tag(flywheel + ledger_store.SUFFIX, FOLLOWED, found[-1].hash)
    return {FOLLOWED: have}


def _aliases(client: "MlflowClient", flywheel: str, now: State, every: "list[ModelVersion]") -> dict[str, str | None]:
    home = ledger_store.find(client, flywheel)
    known = {int(version.version) for version in every}
    have = {name: str(number) for name, number in (home.aliases if home else {}).items()}
    changed = {}
    for name in ALIASES:
        number = getattr(now, name)
        wanted = str(number) if number in known else None  # it may have been deleted in MLflow's UI
        if wanted == have.get(name):
            continue
        if wanted:
            client.set_registered_model_alias(flywheel, name, wanted)
        else:
            client.delete_registered_model_alias(flywheel, name)
        changed[name] = have.get(name)
    return changed


def _tags(client: "MlflowClient", version: "ModelVersion", now: State) -> None:
    number = int(version.version)
    last = now.last.get(number)
    if last is None:
        return
    approved = last.event == "approve"
    wanted = {
        "validation_status": now.statuses[number],
        "note": last.note or None,
        "reasons": json.dumps(last.reasons, ensure_ascii=False) if last.reasons else None,
        "approved_by": last.by if approved else None,
        "approved_at": last.time if approved else None,
    }
    for name, value in wanted.items():
        if value is None and name in version.tags:
            client.delete_model_version_tag(version.name, version.version, name)
        elif value is not None and version.tags.get(name) != value:
            client.set_model_version_tag(version.name, version.version, name, value)
