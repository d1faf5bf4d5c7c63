"""The rules of decisions about versions: each reads the ledger's state, and refuses or returns the entry to append."""

import getpass
import subprocess
from dataclasses import dataclass

from volant.errors import VolantError
from volant.tracking.ledger import State, Status
from volant.tracking.ledger_store import Decision


class StaleError(VolantError):
    """An error for a decision based on an outdated state: someone else has made another one meanwhile."""


@dataclass(frozen=True)
class Seen:
    """The state that a decision is based on.

    Attributes:
        champion: Champion that the version was compared with; None if there was none.
        status: Status of the version.
        looks: Number of comparisons so far, if the decision depends on it.
    """

    champion: int | None
    status: Status
    looks: int | None = None


@dataclass(frozen=True)
class Rules:
    """The rules for one flywheel and one person; with `seen`, they require that the ledger's state has not changed."""

    flywheel: str
    by: str
    seen: Seen | None = None

    def compare(self, state: State, number: int, verdict: str, test: str, note: str) -> Decision:
        """Return the entry of a comparison with the champion, to be recorded before it has effect.

        Fails with `StaleError` if the state has changed.

        Args:
            state: State of the ledger.
            number: Number of the version.
            verdict: Result of the comparison.
            test: Digest of the test rows.
            note: Note of the entry.
        """
        self._require_seen(state, number)
        return Decision("compare", number, self.by, note, previous=state.champion, test=test, verdict=verdict)

    def approve(self, state: State, number: int, note: str) -> Decision | None:
        """Return the entry that approves a version, with or without the gate; None if it is approved already.

        Fails with `StaleError` if the state has changed.

        Args:
            state: State of the ledger.
            number: Number of the version.
            note: Reason in the person's words.
        """
        self._require_seen(state, number)
        if state.statuses[number] == "approved":
            return None
        return Decision("approve", number, self.by, note)

    def reject(self, state: State, number: int, note: str, reasons: tuple[str, ...]) -> Decision | None:
        """Return the entry that rejects a version; None if it is rejected already for the same reasons.

        Fails with `StaleError` if the state has changed.

        Args:
            state: State of the ledger.
            number: Number of the version.
            note: Reason in the person's words.
            reasons: Reasons of the gate.

        Raises:
            VolantError: If the version is the champion.
        """
        self._require_seen(state, number)
        if state.champion == number:
            raise VolantError(
                f"Version {number} of {self.flywheel} is the champion. Go back first with `volant rollback "
                f"{self.flywheel}`, or promote another version with `volant promote {self.flywheel} N`."
            )
        last = state.last[number]
        if last.event == "reject" and last.reasons == reasons and note in ("", last.note):
            return None
        return Decision("reject", number, self.by, note, reasons)

    def promote(self, state: State, number: int) -> Decision | None:
        """Return the entry that makes an approved version the champion; None if it is already.

        Fails with `StaleError` if the state has changed.

        Raises:
            VolantError: If the version is not approved.
        """
        self._require_seen(state, number)
        if state.statuses[number] != "approved":
            raise VolantError(
                f"Version {number} of {self.flywheel} is {state.statuses[number]}, and only an approved one can be "
                f"promoted. Approve it with `volant approve {self.flywheel} {number}`."
            )
        if state.champion == number:
            return None
        return Decision("promote", number, self.by, previous=state.champion)

    def rollback(self, state: State) -> Decision:
        """Return the entry that goes back to the previous champion.

        Raises:
            VolantError: If no earlier champion is still approved.
        """
        if state.fallback is None:
            raise VolantError(
                f"{self.flywheel} has no version to go back to: no earlier champion is still approved. See `volant "
                f"versions {self.flywheel}`, and promote one with `volant promote {self.flywheel} N`."
            )
        return Decision("rollback", state.fallback, self.by, previous=state.champion)

    def _require_seen(self, state: State, number: int) -> None:
        """Refuse a decision that is based on another state (compare-and-set).

        Raises:
            StaleError: If the state has changed.
        """
        if self.seen is None:
            return
        looks = state.looks if self.seen.looks is not None else None
        current = Seen(state.champion, state.statuses[number], looks)
        if current != self.seen:
            raise StaleError(
                f"Version {number} of {self.flywheel} was compared while {_text(self.seen)}; now {_text(current)}. "
                "Compare again: run the same command."
            )


def _text(seen: Seen) -> str:
    champion = f"version {seen.champion}" if seen.champion else "none"
    looks = f", after {seen.looks} comparisons" if seen.looks is not None else ""
    return f"the champion was {champion} and it was {seen.status}{looks}"


def person() -> str:
    """Return the user of this machine: the e-mail address in git's config, else the login."""
    command = ["git", "config", "user.email"]
    try:
        email = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
    except OSError:  # no git on this machine
        email = ""
    try:
        return email or getpass.getuser()
    except (KeyError, OSError):  # a container's user has no name
        return "unknown"
