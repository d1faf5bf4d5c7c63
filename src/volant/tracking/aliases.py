"""Synchronisation of MLflow's aliases and tags with the ledger: after each decision, and after a crash in between."""

import json
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from volant.tracking import ledger_store
from volant.tracking.ledger import Entry, LedgerError, State, replay, tampered
from volant.tracking.ledger_store import Decision
from volant.tracking.version import facts

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

    from volant.tracking.ledger_store import Source

log = logging.getLogger(__name__)
ALIASES = ("champion", "challenger")
FOLLOWED = "followed"  # tag of the ledger: hash of the last entry that aliases and tags follow


def registered_versions(client: "Source", flywheel: str) -> list[Any]:
    """Return the versions that Volant registered, oldest first; each bundle once, even if two machines registered it.

    They are MLflow's own `ModelVersion`, or a `StoredVersion` by the same names.
    """
    by_bundle: dict[str, Any] = {}
    for version in ledger_store.everything(client, flywheel):
        if "bundle" in version.tags:
            by_bundle.setdefault(version.tags["bundle"], version)
    return list(by_bundle.values())


def adopt(client: "MlflowClient", flywheel: str) -> list[int]:
    """Write the ledger entries of versions that have none yet, and return their numbers.

    MLflow numbers a version before the ledger can record it.

    Fails with `LedgerError` if there was a decision about such a version, as then the ledger has lost its entries.
    """
    recorded = replay(ledger_store.read(client, flywheel)).statuses
    missing = [version for version in registered_versions(client, flywheel) if int(version.version) not in recorded]
    for version in missing:
        ledger_store.append(client, flywheel, partial(_registered, flywheel, version))
    return [int(version.version) for version in missing]


def _registered(flywheel: str, version: "ModelVersion", entries: list[Entry]) -> Decision | None:
    number = int(version.version)
    if number in replay(entries).statuses:  # another machine was first
        return None
    if version.tags.get("validation_status", "pending") != "pending":
        raise LedgerError(tampered(flywheel, f"version {number} has a decision, but no entry in the ledger"))
    return Decision("register", number, version.tags["by"], facts=facts(version.tags))


def heal(client: "MlflowClient", flywheel: str) -> bool:
    """Repair differences from the ledger after a crash or an edit in MLflow's UI, and log them.

    Returns:
        True if a decision was incomplete.
    """
    for number in adopt(client, flywheel):
        log.warning("%s: the registration of version %d was interrupted; now it is complete.", flywheel, number)
    changed = follow(client, flywheel)
    behind = changed.pop(FOLLOWED, None)
    for name, former in changed.items():
        number = getattr(replay(ledger_store.read(client, flywheel)), name)
        text = "%s: the alias %s was %s, but the ledger says %s: corrected."
        log.warning(text, flywheel, name, former or "none", number or "none")
    return behind is not None


def follow(client: "MlflowClient", flywheel: str) -> dict[str, str | None]:
    """Set aliases and tags by the ledger, and return the former values of those that differed."""
    changed: dict[str, str | None] = {}
    while True:
        newest = ledger_store.latest(client, flywheel)
        entries = ledger_store.read(client, flywheel)
        versions = registered_versions(client, flywheel)
        state = replay(entries)
        changed = {**_set_aliases(client, flywheel, state, versions), **changed}
        for version in versions:
            _set_tags(client, version, state)
        changed = {**_set_followed(client, flywheel, entries), **changed}
        if ledger_store.latest(client, flywheel) == newest:  # else another machine has appended meanwhile
            return changed


def _set_followed(client: "MlflowClient", flywheel: str, entries: list[Entry]) -> dict[str, str | None]:
    """Record that all has followed the last entry; a missing record shows an incomplete decision."""
    ledger = ledger_store.find(client, flywheel + ledger_store.SUFFIX)
    former = ledger.tags.get(FOLLOWED) if ledger else None
    if not entries or former == entries[-1].hash:
        return {}
    client.set_registered_model_tag(flywheel + ledger_store.SUFFIX, FOLLOWED, entries[-1].hash)
    return {FOLLOWED: former}


def _set_aliases(
    client: "MlflowClient", flywheel: str, state: State, versions: "list[ModelVersion]"
) -> dict[str, str | None]:
    model = ledger_store.find(client, flywheel)
    existing = {int(version.version) for version in versions}
    former = {name: str(number) for name, number in (model.aliases if model else {}).items()}
    changed = {}
    for name in ALIASES:
        number = getattr(state, name)
        target = str(number) if number in existing else None  # it may have been deleted in MLflow's UI
        if target == former.get(name):
            continue
        if target:
            client.set_registered_model_alias(flywheel, name, target)
        else:
            client.delete_registered_model_alias(flywheel, name)
        changed[name] = former.get(name)
    return changed


def _set_tags(client: "MlflowClient", version: "ModelVersion", state: State) -> None:
    number = int(version.version)
    last = state.last.get(number)
    if last is None:
        return
    approved = last.event == "approve"
    tags = {
        "validation_status": state.statuses[number],
        "note": last.note or None,
        "reasons": json.dumps(last.reasons, ensure_ascii=False) if last.reasons else None,
        "approved_by": last.by if approved else None,
        "approved_at": last.time if approved else None,
    }
    for name, value in tags.items():
        if value is None and name in version.tags:
            client.delete_model_version_tag(version.name, version.version, name)
        elif value is not None and version.tags.get(name) != value:
            client.set_model_version_tag(version.name, version.version, name, value)
