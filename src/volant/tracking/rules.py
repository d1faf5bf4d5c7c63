"""What may be decided about versions: each rule reads the ledger's state, and refuses or says what to append."""

import getpass
import subprocess
from dataclasses import dataclass

from volant.errors import VolantError
from volant.tracking.ledger import State, Status
from volant.tracking.ledger_store import Decision


class StaleError(VolantError):
    """Somebody else decided meanwhile: what the decision was based on no longer holds."""


@dataclass(frozen=True)
class Seen:
    """The state that a decision is based on.

    Attributes:
        champion: The champion that the version was compared with; none if there was none.
        status: Of the version.
        looks: Comparisons that had been made, where the decision depends on their number.
    """

    champion: int | None
    status: Status
    looks: int | None = None


@dataclass(frozen=True)
class Rules:
    """The rules for one flywheel, asked by one person; with `seen`, only while the ledger still says that."""

    flywheel: str
    by: str
    seen: Seen | None = None

    def compare(self, now: State, number: int, verdict: str, test: str, note: str) -> Decision:
        """Record a comparison with the champion, before it is acted on."""
        self._require_seen(now, number)
        return Decision("compare", number, self.by, note, previous=now.champion, test=test, verdict=verdict)

    def approve(self, now: State, number: int, note: str) -> Decision | None:
        """Any version: a person may know better than the gate. Approved already: nothing."""
        self._require_seen(now, number)
        if now.statuses[number] == "approved":
            return None
        return Decision("approve", number, self.by, note)

    def reject(self, now: State, number: int, note: str, reasons: tuple[str, ...]) -> Decision | None:
        """Any version but the active one; rejected already for the same reasons: nothing."""
        self._require_seen(now, number)
        if now.champion == number:
            raise VolantError(
                f"Version {number} of {self.flywheel} is active. Go back first with `volant rollback {self.flywheel}`, "
                f"or make another one active with `volant promote {self.flywheel} N`."
            )
        last = now.last[number]
        if last.event == "reject" and last.reasons == reasons and note in ("", last.note):
            return None
        return Decision("reject", number, self.by, note, reasons)

    def promote(self, now: State, number: int) -> Decision | None:
        """An approved version."""
        self._require_seen(now, number)
        if now.statuses[number] != "approved":
            raise VolantError(
                f"Version {number} of {self.flywheel} is {now.statuses[number]}, and only an approved one can be "
                f"promoted. Approve it with `volant approve {self.flywheel} {number}`."
            )
        if now.champion == number:
            return None
        return Decision("promote", number, self.by, previous=now.champion)

    def rollback(self, now: State) -> Decision:
        """To the champion before this one, if it is still approved."""
        if now.fallback is None:
            raise VolantError(
                f"{self.flywheel} has no version to go back to: no other one was active before and is still approved. "
                f"See `volant versions {self.flywheel}`; make one active with `volant promote {self.flywheel} N`."
            )
        return Decision("rollback", now.fallback, self.by, previous=now.champion)

    def _require_seen(self, now: State, number: int) -> None:
        """Refuse what was decided in view of another state (compare-and-set)."""
        if self.seen is None:
            return
        looks = now.looks if self.seen.looks is not None else None
        found = Seen(now.champion, now.statuses[number], looks)
        if found != self.seen:
            raise StaleError(
                f"Version {number} of {self.flywheel} was compared while {_told(self.seen)}; now {_told(found)}. "
                "Compare again: run the same command."
            )


def _told(seen: Seen) -> str:
    champion = f"version {seen.champion}" if seen.champion else "none"
    looks = f", after {seen.looks} comparisons" if seen.looks is not None else ""
    return f"the champion was {champion} and it was {seen.status}{looks}"


def person() -> str:
    """Who uses this machine: the e-mail address that git knows, else the login."""
    command = ["git", "config", "user.email"]
    try:
        email = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
    except OSError:  # no git on this machine
        email = ""
    try:
        return email or getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"
