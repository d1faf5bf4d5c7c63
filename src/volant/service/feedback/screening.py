"""Screening of feedback before a model learns from it: leaks, conflicts, a quorum."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import pyarrow.parquet as pq

from volant.kinds import kind_of_row
from volant.kinds.rows import text_key
from volant.monitor.redact import redact
from volant.service.feedback.items import Item, Status
from volant.workspace.paths import checked, lake, prepared

LEAK = "leak: its text is in the test set, and a model must not learn that"

Keys = Mapping[str, tuple[str, ...]]


def key_of(text: str) -> str:
    r"""Return a key that is the same for texts that differ only in case and white space.

    Example:
        >>> key_of("A fine\nfilm ") == key_of("a fine film")
        True
    """
    return blake2b(text_key(text).encode(), digest_size=12).hexdigest()


@dataclass(frozen=True)
class Texts:
    """The texts of a flywheel at one time, raw and redacted: labels by key, file by file."""

    test: Sequence[Keys]
    train: Sequence[Keys]

    def leaks(self, key: str) -> bool:
        """Return True if a text is in the test set."""
        return any(key in keys for keys in self.test)

    def labels(self, key: str) -> tuple[str, ...] | None:
        """Return the labels of a text in train, sorted; None if it isn't in train."""
        return next((keys[key] for keys in self.train if key in keys), None)


class DatasetTexts:
    """The texts of a flywheel's data sets: of test, which feedback must not contain; of train, with their labels.

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
        """Return the present texts of a flywheel. Reading new files takes time: hold no lock meanwhile."""
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
        about = path.stat()
        mark = (about.st_mtime_ns, about.st_size)
        if self._read.get(path, (None,))[0] != mark:
            self._read[path] = (mark, self._index(path))
        return self._read[path][1]

    def _index(self, path: Path) -> Keys:
        table = pq.read_table(path)
        texts = table["text"].to_pylist()
        kind = kind_of_row(table.column_names)
        labels = [tuple(sorted(kind.labels_of(a))) for a in kind.gold(table)]
        keys = {key_of(text): one for text, one in zip(texts, labels, strict=True)}
        pairs = ((text, redact(text, self._redacted), one) for text, one in zip(texts, labels, strict=True))
        return {key_of(kept): one for text, kept, one in pairs if kept != text} | keys


def judge(item: Item, others: Iterable[Item], known: Texts, quorum: int) -> tuple[Status, tuple[str, ...]]:
    """Return the status of an item without a review, and the reasons.

    A leak is rejected. If `quorum` clients agree on a text without any conflict, it is accepted. Everything else waits
    for a reviewer, whose earlier decision on the same text no quorum overrules.

    Args:
        item: The new item.
        others: Earlier items about the same text.
        known: Texts of the data sets.
        quorum: Number of different clients that must agree.
    """
    if known.leaks(item.key):
        return "rejected", (LEAK,)
    if item.labels is None:
        return "quarantined", ("no label: it says that the answer is wrong, and not which is right",)
    reasons = tuple(_conflicts(item, others, known))
    agreeing = {one.client for one in [*others, item] if one.status != "rejected" and one.labels == item.labels}
    if reasons:
        return "quarantined", reasons
    if item.text is None:
        return "quarantined", ("its text has to be found among the captures",)
    if len(agreeing) < quorum:
        return "quarantined", (f"{len(agreeing)} of {quorum} clients say so",)
    return "accepted", (f"{len(agreeing)} clients agree",)


def _conflicts(item: Item, others: Iterable[Item], known: Texts) -> Iterable[str]:
    there = known.labels(item.key)
    if there is not None and there != item.labels:
        yield f"conflict: in train this text is {_said(there)}"
    for one in others:
        if one.status != "rejected" and one.labels is not None and one.labels != item.labels:
            yield f"conflict: {one.id} says {_said(one.labels)}"
        if one.status != "rejected" and one.correct is False and one.labels is None and one.predicted == item.labels:
            yield f"conflict: {one.id} says that this is wrong"
        if one.status == "rejected" and one.labels == item.labels and one.by not in (None, "client"):
            yield f"{one.by} rejected the same before ({one.id})"


def _said(labels: tuple[str, ...]) -> str:
    return ", ".join(labels) or "no label"
