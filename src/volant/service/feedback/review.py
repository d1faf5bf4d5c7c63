"""Review of feedback by a person: accept or reject."""

from collections.abc import Sequence
from dataclasses import replace

from volant.errors import did_you_mean
from volant.kinds import KINDS
from volant.kinds.canonical import canonical
from volant.monitor.captures import find
from volant.service import settings
from volant.service.errors import RefusedError
from volant.service.feedback.given import Columns, given, require_fit
from volant.service.feedback.items import Item, change
from volant.service.feedback.log import FeedbackLog
from volant.service.feedback.screening import LEAK, DatasetTexts, Texts, key_of, words
from volant.workspace.journal import Entry
from volant.workspace.objects import store


def reject(log: FeedbackLog, flywheel: str, ids: Sequence[str], by: str) -> list[Item]:
    """Reject feedback, all items or none; a repetition changes nothing.

    An unknown id is refused with 404, an item whose row is in a dataset already with 409.

    Args:
        log: The log of feedback.
        flywheel: Name of the flywheel.
        ids: Ids of the feedback.
        by: Reviewer.
    """
    with log.opened(flywheel) as (items, write):
        chosen = _chosen(items, flywheel, ids)
        for item in chosen:
            _require_not_in_dataset(item, flywheel)
        write([change([item.id for item in chosen if item.status != "rejected"], status="rejected", by=by, reasons=())])
        return [items[item.id] for item in chosen]


def accept(
    log: FeedbackLog,
    flywheel: str,
    ids: Sequence[str],
    by: str,
    gold: Columns | None = None,
    *,
    texts: DatasetTexts | None = None,
) -> list[Item]:
    """Accept feedback, all items or none; a repetition changes nothing.

    An unknown id is refused with 404; an item that leaks, contradicts another one, or lacks a text or label with 409.

    Args:
        log: The log of feedback.
        flywheel: Name of the flywheel.
        ids: Ids of the feedback.
        by: Reviewer.
        gold: The correct columns of the kind, such as `labels` or `spans`, if the client sent none or wrong ones.
        texts: Texts of the datasets, if they are loaded already.
    """
    texts = texts or DatasetTexts(log.root, settings.load(log.root).capture.redact)
    present = texts.of(flywheel)
    with log.opened(flywheel) as (stored, write):
        items = dict(stored)
        changes = dict[str, Entry]()
        for item in _chosen(items, flywheel, ids):
            if item.status == "accepted" and (gold is None or _corrected(item, gold) == item.gold):
                continue
            _require_not_in_dataset(item, flywheel)
            complete = _complete(log, item, gold)
            _require_no_conflict(complete, items, changes, present)
            changes[item.id] = _acceptance(complete, by)
            items[item.id] = replace(complete, status="accepted")
        write([{"changes": changes}] if changes else [])
        return [stored[identity] for identity in dict.fromkeys(ids)]


def _acceptance(item: Item, by: str) -> Entry:
    """Return the changes of an item that is accepted."""
    return {
        "text": item.text,
        "key": item.key,
        "prediction": item.prediction,
        "version": item.version,
        "gold": item.gold,
        "published": False,
        "status": "accepted",
        "by": by,
        "reasons": (),
    }


def _chosen(items: dict[str, Item], flywheel: str, ids: Sequence[str]) -> list[Item]:
    for identity in ids:
        if identity not in items:
            raise RefusedError(
                f"No feedback of {flywheel} has the id '{identity[:100]}'.{did_you_mean(identity[:100], items)} "
                f"`volant feedback {flywheel}` lists all ids.",
                404,
            )
    return [items[identity] for identity in dict.fromkeys(ids)]


def _require_not_in_dataset(item: Item, flywheel: str) -> None:
    if item.dataset:
        raise RefusedError(
            f"{item.id} is in the dataset {item.dataset} already. To remove that: "
            f"volant datasets remove {flywheel} {item.dataset} --reason '…'",
            409,
        )


def _complete(log: FeedbackLog, item: Item, gold: Columns | None) -> Item:
    """Return the item with its text, from the captures if necessary, and with the correct labels.

    Raises:
        RefusedError: 409 if the text is not in the captures, or no correct label is given.
    """
    if item.text is None:
        event = next(find(store(log.root), item.model, [item.event_id]), None)
        if event is None:
            raise RefusedError(f"{item.id}: its text is unknown, and not in the captures of {item.model}.", 409)
        prediction = canonical(KINDS[item.kind], event.annotation)
        item = replace(item, text=event.text, key=key_of(event.text), prediction=prediction, version=event.version)
    item = replace(item, gold=item.gold if gold is None else _corrected(item, gold))
    if item.gold is None:
        raise RefusedError(f"{item.id} has no correct label. Give it with --label.", 409)
    return item


def _corrected(item: Item, gold: Columns) -> str:
    kind = KINDS[item.kind]
    annotation = given(kind, gold, item.flywheel)
    require_fit(annotation, item.text or "")
    return canonical(kind, annotation)


def _require_no_conflict(item: Item, items: dict[str, Item], changes: dict[str, Entry], texts: Texts) -> None:
    if texts.leaks(item.key):
        raise RefusedError(f"{item.id} can't be accepted: {LEAK}.", 409)
    for other in items.values():
        if other.id != item.id and other.key == item.key and other.status == "accepted" and other.gold != item.gold:
            also = "is to be" if other.id in changes else "was"
            raise RefusedError(
                f"{item.id} contradicts {other.id}, which {also} accepted: {words(other, other.gold or '{}')}. "
                "Reject one of the two.",
                409,
            )
