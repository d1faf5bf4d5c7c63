"""The log of feedback: a journal for each flywheel of a project."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from volant.service.errors import RefusedError
from volant.service.feedback.items import STATUSES, Item, fold
from volant.workspace.journal import Entry, Journal
from volant.workspace.paths import SERVICE, checked

HOME = SERVICE / "feedback"
Write = Callable[[Sequence[Entry]], None]


class FeedbackLog:
    """Journals by flywheel, shared by all processes and threads.

    Args:
        root: The project's root.
    """

    def __init__(self, root: Path = Path()) -> None:
        self.root = root
        self._journals: dict[str, tuple[Journal, dict[str, Item]]] = {}
        self._lock = threading.RLock()

    @contextmanager
    def opened(self, flywheel: str) -> Iterator[tuple[dict[str, Item], Write]]:
        """Yield the items by id, and a function that adds entries, under a lock of the journal."""
        path = self._path(flywheel)
        with self._lock:
            journal, items = self._journals.setdefault(flywheel, (Journal(path), {}))
            with journal.locked():
                fold(items, journal.new())

                def write(entries: Sequence[Entry]) -> None:
                    journal.append(entries)
                    fold(items, journal.new())

                yield items, write

    def items(self, flywheel: str, status: str | None = None) -> list[Item]:
        """Return the feedback of a flywheel, the oldest first.

        Raises:
            RefusedError: 422 if the status is unknown.
        """
        if status not in (None, *STATUSES):
            raise RefusedError(f"'{status}' is not a valid status. Allowed: {', '.join(STATUSES)}.")
        if not self._path(flywheel).exists():
            return []
        with self.opened(flywheel) as (items, _):
            return [item for item in items.values() if status in (None, item.status)]

    def mark(self, flywheel: str, changes: dict[str, Entry]) -> None:
        """Record changes of items.

        Args:
            flywheel: Name of the flywheel.
            changes: New values of fields, by the item's id.
        """
        if changes:
            with self.opened(flywheel) as (_, write):
                write([{"changes": changes}])

    def _path(self, flywheel: str) -> Path:
        return self.root / HOME / f"{checked(flywheel, 'flywheel')}.jsonl"
