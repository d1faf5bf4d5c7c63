"""Screening of feedback before a model learns from it: leaks, conflicts, a quorum."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import pyarrow.parquet as pq

from volant.kinds import KINDS, kind_of_row
from volant.kinds.answers import phrases
from volant.kinds.canonical import annotation_of, canonical
from volant.kinds.rows import text_key
from volant.monitor.redact import redact_annotated
from volant.service.feedback.items import Item, Status
from volant.workspace.paths import checked, lake, prepared

LEAK = "leak: its text is in the test set, which no model may be trained on"

Keys = Mapping[str, str]


def key_of(text: str) -> str:
    r"""Return a key that is the same for texts that differ only in case and white space.

    Example:
        >>> key_of("A fine\nfilm ") == key_of("a fine film")
        True
    """
    return blake2b(text_key(text).encode(), digest_size=12).hexdigest()


@dataclass(frozen=True)
class Texts:
    """The texts of a flywheel at one time, raw and redacted: canonical gold by key, file by file."""

    test: Sequence[Keys]
    train: Sequence[Keys]

    def leaks(self, key: str) -> bool:
        """Return True if a text is in the test set."""
        return any(key in keys for keys in self.test)

    def gold(self, key: str) -> str | None:
        """Return the gold of a text in train as canonical JSON; None if it isn't in train."""
        return next((keys[key] for keys in self.train if key in keys), None)


class DatasetTexts:
    """The texts of a flywheel's datasets: of test, which feedback must not contain; of train, with their gold.

    Args:
        root: The project's root.
        redacted: Names of the `REDACTORS` that feedback is redacted with.
    """

    def __init__(self, root: Path = Path(), redacted: Iterable[str] = ()) -> None:
        self._root = root
        self._redacted = list(redacted)
        self._read: dict[Path, tuple[tuple[int, int], Keys]] = {}
        self._lock = threading.Lock()

    def of(self, flywheel: str) -> Texts:
        """Return the present texts of a flywheel. Reading new files takes time: do not call it under a lock."""
        with self._lock:
            test = self._paths(flywheel, "test")
            train = self._paths(flywheel, "train", "validation")
            return Texts([self._keys(path) for path in test], [self._keys(path) for path in train])

    def _paths(self, flywheel: str, *splits: str) -> list[Path]:
        name = checked(flywheel, "flywheel")
        files = [prepared(name, self._root) / f"{split}.parquet" for split in splits]
        for split in splits:
            files += sorted((lake(name, self._root) / split).glob("[!.]*.parquet"))
        return [path for path in files if path.exists()]

    def _keys(self, path: Path) -> Keys:
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
        if self._read.get(path, (None,))[0] != stamp:
            self._read[path] = (stamp, self._index(path))
        return self._read[path][1]

    def _index(self, path: Path) -> Keys:
        table = pq.read_table(path)
        texts = table["text"].to_pylist()
        kind = kind_of_row(table.column_names)
        annotations = kind.gold(table)
        keys: dict[str, str] = {}
        for text, annotation in zip(texts, annotations, strict=True):
            changed, moved = redact_annotated(text, annotation, self._redacted)
            if changed != text:
                keys[key_of(changed)] = canonical(kind, moved)
        return keys | {key_of(text): canonical(kind, own) for text, own in zip(texts, annotations, strict=True)}


def judge(item: Item, others: Iterable[Item], texts: Texts, quorum: int) -> tuple[Status, tuple[str, ...]]:
    """Return the status of an item without a review, and the reasons.

    A leak is rejected. If `quorum` clients agree on a text without any conflict, it is accepted. Everything else waits
    for a reviewer, whose earlier decision on the same text no quorum overrules.

    Args:
        item: The new item.
        others: Earlier items about the same text.
        texts: Texts of the datasets.
        quorum: Number of different clients that must agree.
    """
    if texts.leaks(item.key):
        return "rejected", (LEAK,)
    if item.gold is None:
        return "quarantined", ("no label: reported as wrong, without the correct label",)
    reasons = tuple(_conflicts(item, others, texts))
    valid = [other for other in [*others, item] if other.status != "rejected"]
    agreeing = {other.client for other in valid if other.gold == item.gold}
    if reasons:
        return "quarantined", reasons
    if item.text is None:
        return "quarantined", ("its text is not known yet; the captures are searched at the review",)
    if len(agreeing) < quorum:
        return "quarantined", (f"{len(agreeing)} of {quorum} required clients agree",)
    return "accepted", (f"{len(agreeing)} clients agree",)


def _conflicts(item: Item, others: Iterable[Item], texts: Texts) -> Iterable[str]:
    in_train = texts.gold(item.key)
    if in_train is not None and in_train != item.gold:
        yield f"conflict: in train this text has {words(item, in_train)}"
    for other in others:
        if other.status == "rejected":
            if other.gold == item.gold and other.by not in (None, "client"):
                yield f"{other.by} rejected the same before ({other.id})"
        elif other.gold is None:
            if other.correct is False and other.prediction == item.gold:
                yield f"conflict: {other.id} reports this as wrong"
        elif other.gold != item.gold:
            yield f"conflict: {other.id} has {words(other, other.gold)}"


def words(item: Item, gold: str) -> str:
    """Return gold of the text of an item in words.

    Args:
        item: Feedback on the text.
        gold: Canonical JSON.
    """
    return ", ".join(phrases(annotation_of(KINDS[item.kind], gold), item.text or "")) or "no label"
