"""The release ledger: what was decided about versions, when, by whom; append-only, each entry names the one before.

It is a hash chain, kept in the registry's own store, so that every machine sees the same. Whatever else the registry
says (aliases, statuses) follows from it. An entry is valid if its `prev` is the hash of the last valid entry before
it: of two writers on two machines that read the same end, the first in the store's order wins and the other one's
entry, whose `prev` was overtaken, counts for nothing; it is written again. All else that doesn't fit is tampering.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from volant.errors import VolantError
from volant.workspace.provenance import digest

Event = Literal["register", "compare", "approve", "reject", "promote", "rollback"]
Status = Literal["pending", "approved", "rejected"]


class LedgerError(VolantError):
    """The ledger is not as it was written."""


@dataclass(frozen=True)
class Entry:
    """One decision.

    Attributes:
        seq: Position among the valid entries, from 1.
        time: When, ISO 8601 in UTC; never before the entry before it.
        event: What was decided.
        version: About which version.
        previous: The champion until then, for promote and rollback; for compare, the one that was compared with.
        by: Who.
        note: Why.
        reasons: Of a rejection: the gate's.
        bundle: Digest of the version's bundle.
        commit: Of the code that trained it.
        data: Digest of the data that it was trained on.
        config: Digest of the config.
        prev: Hash of the entry before; empty for the first.
        test: Digest of the test rows of a comparison.
        verdict: Of a comparison.
        hash: Of all of the above, and of the flywheel's name.
    """

    seq: int
    time: str
    event: Event
    version: int
    previous: int | None
    by: str
    note: str
    reasons: tuple[str, ...]
    bundle: str
    commit: str
    data: str
    config: str
    prev: str
    test: str = ""
    verdict: str = ""
    hash: str = ""

    @property
    def when(self) -> datetime:
        """The time, to compare with."""
        return datetime.fromisoformat(self.time)


def sealed(entry: Entry, flywheel: str) -> Entry:
    """The entry with its hash."""
    tree = {**asdict(entry), "hash": ""}
    # entries from before comparisons were recorded lack these two, and keep their hashes
    told = {name: value for name, value in tree.items() if value or name not in ("test", "verdict")}
    return replace(entry, hash=digest([flywheel, told]))


def parse(tree: Any) -> Entry | None:
    """The entry that a store holds; None if it is no entry at all.

    Example:
        >>> parse({"seq": 1}) is None
        True
    """
    try:
        entry = Entry(**{**tree, "reasons": tuple(tree["reasons"])})
        good = entry.event in get_args(Event) and entry.when.tzinfo is not None
    except (KeyError, TypeError, ValueError):
        return None
    return entry if good else None


def chain(flywheel: str, stored: Sequence[tuple[int, Any]]) -> list[Entry]:
    """The valid entries of what a store holds, oldest first.

    Args:
        flywheel: Whose ledger.
        stored: The store's number of each entry (from 1, without a gap) and the entry as a tree, in order.

    Raises:
        LedgerError: If an entry is missing, was changed or does not follow on one that was there.
    """
    valid: list[Entry] = []
    for position, (number, tree) in enumerate(stored, 1):
        if number != position:
            raise LedgerError(tampered(flywheel, f"entry {position} is missing (the next one is {number})"))
        entry = parse(tree)
        if entry is None or sealed(entry, flywheel).hash != entry.hash:
            raise LedgerError(tampered(flywheel, f"entry {number} was changed after it was written"))
        if entry.prev == (valid[-1].hash if valid else "") and entry.seq == len(valid) + 1:
            valid.append(entry)
        elif entry.prev not in {"", *(before.hash for before in valid)}:
            raise LedgerError(tampered(flywheel, f"entry {number} follows on an entry that is not there"))
    return valid


def tampered(flywheel: str, what: str) -> str:
    """What a person is told who must now look for what happened."""
    return (
        f"The ledger of {flywheel} was tampered with: {what}. Nothing was changed now. "
        f"Find out who wrote to the store of `{flywheel}.ledger`, and restore it from its backup."
    )


@dataclass(frozen=True)
class State:
    """What follows from a ledger.

    Attributes:
        statuses: Of each registered version.
        champions: The active version last, before it those that a rollback goes back to.
        last: The last decision about each version that set its status.
        looks: Comparisons since a version was promoted that had been shown to be better than the champion before it.
        tests: How often each set of test rows, by its digest, was compared on.
    """

    statuses: dict[int, Status]
    champions: tuple[int, ...]
    last: dict[int, Entry]
    looks: int = 0
    tests: Mapping[str, int] = field(default_factory=dict)

    @property
    def champion(self) -> int | None:
        """The active version."""
        return self.champions[-1] if self.champions else None

    @property
    def challenger(self) -> int | None:
        """The newest version that waits for approval."""
        return max((number for number, status in self.statuses.items() if status == "pending"), default=None)

    @property
    def fallback(self) -> int | None:
        """Where a rollback goes: the newest champion before this one that is still approved."""
        before = [n for n in self.champions[:-1] if self.statuses.get(n) == "approved" and n != self.champion]
        return before[-1] if before else None


def state(entries: Sequence[Entry]) -> State:
    """Replay a ledger."""
    statuses: dict[int, Status] = {}
    last: dict[int, Entry] = {}
    champions: list[int] = []
    status: dict[str, Status] = {"register": "pending", "approve": "approved", "reject": "rejected"}
    compared: dict[int, Entry] = {}
    tests: dict[str, int] = {}
    looks = 0
    for entry in entries:
        if entry.event in status:
            statuses[entry.version], last[entry.version] = status[entry.event], entry
        elif entry.event == "compare":
            compared[entry.version] = entry
            tests[entry.test] = tests.get(entry.test, 0) + 1
            looks += 1
        elif entry.event == "promote":
            champions.append(entry.version)
            looks = 0 if _shown_better(compared.get(entry.version), entry) else looks
        else:  # a rollback forgets what was active since then
            while champions and champions[-1] != entry.version:
                champions.pop()
    return State(statuses, tuple(champions), last, looks, tests)


def _shown_better(comparison: Entry | None, promotion: Entry) -> bool:
    """Return whether a promoted version had been shown to be better than the very champion that it replaces."""
    return comparison is not None and (comparison.verdict, comparison.previous) == ("better", promotion.previous)


def until(entries: Sequence[Entry], at: datetime | None) -> list[Entry]:
    """The entries up to a moment."""
    return [entry for entry in entries if at is None or entry.when <= at]


def now(entries: Sequence[Entry]) -> str:
    """The time of the next entry: another machine's clock may be ahead, and the order of entries is their time's."""
    ours = datetime.now(UTC)
    return (max(ours, entries[-1].when) if entries else ours).isoformat(timespec="milliseconds")
