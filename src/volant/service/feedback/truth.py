"""Accepted feedback as ground truth in the lake: each item in exactly one object, even if a process is killed."""

import json
from datetime import UTC, datetime
from hashlib import blake2b

from volant.monitor.captures import folder
from volant.service.feedback.items import Item
from volant.service.feedback.log import FeedbackLog
from volant.workspace.journal import Entry
from volant.workspace.locks import held
from volant.workspace.objects import store
from volant.workspace.paths import LOCKS

GROUND_TRUTH = "groundtruth"
PATIENCE = 60  # seconds to wait for another process that publishes


def publish(log: FeedbackLog, flywheel: str) -> int:
    """Write new accepted feedback to the lake as ground truth, one file per model; return the number of items.

    A lake that can't be written causes a `VolantError`; the next call retries.

    Args:
        log: The log of feedback.
        flywheel: Name of the flywheel.
    """
    if not _ready(log, flywheel):
        return 0
    what = f"ground truth of {flywheel}"
    lock = log.root / LOCKS / f"groundtruth-{flywheel}"
    busy = "Another process writes the ground truth: {holder}. Try again when it has ended."
    with held(lock, what, PATIENCE, "Waiting for {holder}.", busy):
        _assign_objects(log, flywheel)
        ready = _ready(log, flywheel)
        accepted = log.items(flywheel, "accepted")
        for key in dict.fromkeys(item.place for item in ready if item.place):
            rows = [item for item in accepted if item.place == key]
            lines = [json.dumps(item.ground_truth, ensure_ascii=False) for item in rows]
            store(log.root).write(key, "".join(f"{line}\n" for line in lines))
            log.mark(flywheel, {item.id: {"published": True} for item in rows})
        return len(ready)


def _ready(log: FeedbackLog, flywheel: str) -> list[Item]:
    return [item for item in log.items(flywheel, "accepted") if not item.published]


def _assign_objects(log: FeedbackLog, flywheel: str) -> None:
    """Assign an object in the lake to each new item; after a kill, the next call overwrites the same object."""
    ready = [item for item in _ready(log, flywheel) if not item.place]
    changes = dict[str, Entry]()
    for model in dict.fromkeys(item.model for item in ready):
        ids = [item.id for item in ready if item.model == model]
        name = blake2b(" ".join(ids).encode(), digest_size=16).hexdigest()
        key = f"{folder(GROUND_TRUTH, model, datetime.now(UTC))}/{name}.jsonl"
        changes |= {identity: {"place": key} for identity in ids}
    log.mark(flywheel, changes)
