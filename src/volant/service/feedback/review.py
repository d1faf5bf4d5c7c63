"""Review of feedback by a person: accept or reject."""

from collections.abc import Sequence
from dataclasses import replace

from volant.errors import did_you_mean
from volant.monitor.captures import find
from volant.service import settings
from volant.service.errors import RefusedError
from volant.service.feedback.items import Item, change
from volant.service.feedback.log import FeedbackLog
from volant.service.feedback.screening import LEAK, DatasetTexts, Texts, key_of
from volant.workspace.journal import Entry
from volant.workspace.objects import store


def reject(book: FeedbackLog, flywheel: str, ids: Sequence[str], by: str) -> list[Item]:
    """Reject feedback, all of it or none; a repetition changes nothing.

    Args:
        book: The journals.
        flywheel: Name of the flywheel.
        ids: Ids of the feedback.
        by: Reviewer.

    Raises:
        RefusedError: 404 if an id is unknown, 409 if its row is in a dataset already.
    """
    with book.opened(flywheel) as (items, write):
        chosen = _chosen(items, flywheel, ids)
        for item in chosen:
            _refuse_brought(item, flywheel)
        write([change([item.id for item in chosen if item.status != "rejected"], status="rejected", by=by, reasons=())])
        return [items[item.id] for item in chosen]


def accept(
    book: FeedbackLog,
    flywheel: str,
    ids: Sequence[str],
    by: str,
    labels: Sequence[str] | None = None,
    *,
    known: DatasetTexts | None = None,
) -> list[Item]:
    """Accept feedback, all of it or none; a repetition changes nothing.

    Args:
        book: The journals.
        flywheel: Name of the flywheel.
        ids: Ids of the feedback.
        by: Reviewer.
        labels: The correct labels, if the client gave none or wrong ones.
        known: Texts of the data sets, if they are loaded already.

    Raises:
        RefusedError: 404 if an id is unknown, 409 if an item leaks, contradicts another one, or lacks a text or label.
    """
    known = known or DatasetTexts(book.root, settings.load(book.root).capture.redact)
    texts = known.of(flywheel)
    with book.opened(flywheel) as (kept, write):
        items = dict(kept)
        changes = dict[str, Entry]()
        for item in _chosen(items, flywheel, ids):
            if item.status == "accepted" and (labels is None or tuple(sorted(set(labels))) == item.labels):
                continue
            _refuse_brought(item, flywheel)
            right = _complete(book, item, labels)
            _refuse(right, items, changes, texts)
            found = {"text": right.text, "key": right.key, "predicted": right.predicted, "version": right.version}
            changes[item.id] = {**found, "labels": right.labels, "published": False}
            changes[item.id] |= {"status": "accepted", "by": by, "reasons": ()}
            items[item.id] = replace(right, status="accepted")
        write([{"changes": changes}] if changes else [])
        return [kept[one] for one in dict.fromkeys(ids)]


def _chosen(items: dict[str, Item], flywheel: str, ids: Sequence[str]) -> list[Item]:
    for one in ids:
        if one not in items:
            raise RefusedError(
                f"No feedback of {flywheel} has the id '{one[:100]}'.{did_you_mean(one[:100], items)} "
                f"`volant feedback {flywheel}` lists it.",
                404,
            )
    return [items[one] for one in dict.fromkeys(ids)]


def _refuse_brought(item: Item, flywheel: str) -> None:
    if item.dataset:
        raise RefusedError(
            f"{item.id} is in the dataset {item.dataset} already. To take that out of use: "
            f"volant datasets remove {flywheel} {item.dataset} --reason '…'",
            409,
        )


def _complete(book: FeedbackLog, item: Item, labels: Sequence[str] | None) -> Item:
    """Return the item with its text, from the captures if necessary, and with the correct labels.

    Raises:
        RefusedError: 409 if the text is not in the captures, or no correct label is given.
    """
    if item.text is None:
        answered = next(find(store(book.root), item.model, [item.event_id]), None)
        if answered is None:
            raise RefusedError(f"{item.id}: its text is not known, and not among the captures of {item.model}.", 409)
        text = answered.text
        version = answered.version
        predicted = tuple(sorted(answered.labels))
        item = replace(item, text=text, key=key_of(text), predicted=predicted, version=version)
    item = replace(item, labels=item.labels if labels is None else tuple(sorted(set(labels))))
    if item.labels is None:
        raise RefusedError(f"{item.id} says only that the answer is wrong. Name the right label with --label.", 409)
    return item


def _refuse(item: Item, items: dict[str, Item], changes: dict[str, Entry], texts: Texts) -> None:
    if texts.leaks(item.key):
        raise RefusedError(f"{item.id} can't be accepted: {LEAK}.", 409)
    for other in items.values():
        if other.id != item.id and other.key == item.key and other.status == "accepted" and other.labels != item.labels:
            also = "is to be" if other.id in changes else "was"
            raise RefusedError(
                f"{item.id} contradicts {other.id}, which {also} accepted: {', '.join(other.labels or ())}. "
                "Reject one of the two.",
                409,
            )
