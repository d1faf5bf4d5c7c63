"""Accepted feedback goes to the lake as ground truth: each in one object, whoever is killed in between."""

import json
from datetime import UTC, datetime
from hashlib import blake2b

from volant.monitor.captures import folder
from volant.service.feedback.book import Book
from volant.service.feedback.items import Item
from volant.workspace.journal import Entry
from volant.workspace.locks import held
from volant.workspace.objects import store
from volant.workspace.paths import LOCKS

GROUND_TRUTH = "groundtruth"
PATIENCE = 60  # seconds to wait for another process that writes it


def publish(book: Book, flywheel: str) -> int:
    """Write accepted feedback that isn't there yet to the lake as ground truth, a file for each model; how many.

    Raises:
        VolantError: If the lake can't be written; what isn't there is written by the next call.
    """
    if not _ready(book, flywheel):
        return 0
    what, lock = f"ground truth of {flywheel}", book.root / LOCKS / f"groundtruth-{flywheel}"
    with held(
        lock, what, PATIENCE, "Waiting for {holder}.", "It is being written: {holder}. Try again when that ended."
    ):
        _place(book, flywheel)
        ready, kept = _ready(book, flywheel), book.items(flywheel, "accepted")
        for key in dict.fromkeys(item.place for item in ready if item.place):
            rows = [item for item in kept if item.place == key]
            lines = [json.dumps(item.ground_truth, ensure_ascii=False) for item in rows]
            store(book.root).write(key, "".join(f"{line}\n" for line in lines))
            book.mark(flywheel, {item.id: {"published": True} for item in rows})
        return len(ready)


def _ready(book: Book, flywheel: str) -> list[Item]:
    return [item for item in book.items(flywheel, "accepted") if not item.published]


def _place(book: Book, flywheel: str) -> None:
    """Give what has none an object in the lake. Whoever is killed after that overwrites the same one the next time."""
    ready = [item for item in _ready(book, flywheel) if not item.place]
    changes = dict[str, Entry]()
    for model in dict.fromkeys(item.model for item in ready):
        ids = [item.id for item in ready if item.model == model]
        name = blake2b(" ".join(ids).encode(), digest_size=16).hexdigest()
        key = f"{folder(GROUND_TRUTH, model, datetime.now(UTC))}/{name}.jsonl"
        changes |= {one: {"place": key} for one in ids}
    book.mark(flywheel, changes)
