"""The release ledger: all decisions about versions, with time and person; append-only, each entry links the previous.

It is a hash chain in the registry's own store, so that all machines share it. Everything else in the registry (aliases,
statuses) follows from it. An entry is valid if its `prev` is the hash of the last valid entry before it: of two writers
that read the same end, the first in the store's order wins; the other's entry, whose `prev` is outdated, is ignored and
written again. Any other mismatch is tampering.
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
    """An error for a ledger that was changed after it was written."""


@dataclass(frozen=True)
class Entry:
    """One decision.

    Attributes:
        seq: Position among the valid entries, from 1.
        time: Time in ISO 8601, UTC; never before that of the previous entry.
        event: Kind of decision.
        version: Number of the version.
        previous: For promote and rollback, the champion until then; for compare, the champion compared with.
        by: Person who decided.
        note: Reason in the person's words.
        reasons: Reasons of the gate, for a rejection.
        bundle: Digest of the version's bundle.
        commit: Git commit of the training code.
        data: Digest of the training data.
        config: Digest of the config.
        prev: Hash of the previous entry; empty for the first.
        test: Digest of the test rows, for a comparison.
        verdict: Result of a comparison.
        hash: Hash of all of the above, and of the flywheel's name.
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
        """The time as a datetime."""
        return datetime.fromisoformat(self.time)


def sealed(entry: Entry, flywheel: str) -> Entry:
    """Return the entry with its hash."""
    tree = {**asdict(entry), "hash": ""}
    # entries from before comparisons were recorded lack these two; their hashes must not change
    content = {name: value for name, value in tree.items() if value or name not in ("test", "verdict")}
    return replace(entry, hash=digest([flywheel, content]))


def parse(tree: Any) -> Entry | None:
    """Return the entry that a store holds; None if it is not a valid one.

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
    """Return the valid entries among those that a store holds, oldest first.

    Args:
        flywheel: Name of the flywheel.
        stored: The store's number of each entry (from 1, without a gap) and the entry as a tree, in order.

    Raises:
        LedgerError: If an entry is missing, was changed or does not follow an existing one.
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
        elif entry.prev not in {"", *(earlier.hash for earlier in valid)}:
            raise LedgerError(tampered(flywheel, f"entry {number} follows an entry that does not exist"))
    return valid


def tampered(flywheel: str, problem: str) -> str:
    """Return the error message for a person who has to investigate."""
    return (
        f"The ledger of {flywheel} was tampered with: {problem}. Nothing was changed now. "
        f"Find out who wrote to the store of `{flywheel}.ledger`, and restore it from its backup."
    )


@dataclass(frozen=True)
class State:
    """The state that follows from a ledger.

    Attributes:
        statuses: Status of each registered version.
        champions: The champion last, before it those that a rollback goes back to.
        last: Last decision about each version that set its status.
        looks: Number of comparisons since the last promotion of a version shown to be better than the champion.
        tests: Number of comparisons on each set of test rows, by its digest.
    """

    statuses: dict[int, Status]
    champions: tuple[int, ...]
    last: dict[int, Entry]
    looks: int = 0
    tests: Mapping[str, int] = field(default_factory=dict)

    @property
    def champion(self) -> int | None:
        """Number of the champion; None if there is none."""
        return self.champions[-1] if self.champions else None

    @property
    def challenger(self) -> int | None:
        """Number of the newest version that waits for approval; None if there is none."""
        return max((number for number, status in self.statuses.items() if status == "pending"), default=None)

    @property
    def fallback(self) -> int | None:
        """Target of a rollback: the newest earlier champion that is still approved; None if there is none."""
        earlier = [n for n in self.champions[:-1] if self.statuses.get(n) == "approved" and n != self.champion]
        return earlier[-1] if earlier else None


def replay(entries: Sequence[Entry]) -> State:
    """Replay a ledger and return its state."""
    statuses: dict[int, Status] = {}
    last: dict[int, Entry] = {}
    champions: list[int] = []
    status: dict[str, Status] = {"register": "pending", "approve": "approved", "reject": "rejected"}
    compared: dict[int, Entry] = {}
    tests: dict[str, int] = {}
    looks = 0
    for entry in entries:
        if entry.event in status:
            statuses[entry.version] = status[entry.event]
            last[entry.version] = entry
        elif entry.event == "compare":
            compared[entry.version] = entry
            tests[entry.test] = tests.get(entry.test, 0) + 1
            looks += 1
        elif entry.event == "promote":
            champions.append(entry.version)
            looks = 0 if _shown_better(compared.get(entry.version), entry) else looks
        else:  # a rollback removes later champions
            while champions and champions[-1] != entry.version:
                champions.pop()
    return State(statuses, tuple(champions), last, looks, tests)


def _shown_better(comparison: Entry | None, promotion: Entry) -> bool:
    """Return True if a promoted version was shown to be better than the very champion that it replaces."""
    return comparison is not None and (comparison.verdict, comparison.previous) == ("better", promotion.previous)


def until(entries: Sequence[Entry], at: datetime | None) -> list[Entry]:
    """Return the entries up to a moment; all of them if it is None."""
    return [entry for entry in entries if at is None or entry.when <= at]


def next_time(entries: Sequence[Entry]) -> str:
    """Return the time of the next entry, never before the last: another machine's clock may be ahead."""
    ours = datetime.now(UTC)
    return (max(ours, entries[-1].when) if entries else ours).isoformat(timespec="milliseconds")
