"""What the registry says: versions, what was decided about them, and which one is active."""

import re
from datetime import datetime
from typing import TYPE_CHECKING

from volant.errors import VolantError
from volant.tracking import aliases, ledger_store
from volant.tracking import version as versions
from volant.tracking.ledger import Entry, State, state, until
from volant.tracking.version import Version

if TYPE_CHECKING:
    from volant.tracking.ledger_store import Source

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Reader:
    """Versions and decisions, from MLflow's client or straight from its tables: both say the same."""

    def __init__(self, source: "Source") -> None:
        self._source = source

    def knows(self, flywheel: str) -> bool:
        """Whether it holds anything of that flywheel."""
        return any(ledger_store.find(self._source, name) for name in (named(flywheel), flywheel + ledger_store.SUFFIX))

    def flywheels(self) -> list[str]:
        """The names of all flywheels that it holds something of."""
        names = ledger_store.names(self._source)
        return sorted({name.removesuffix(ledger_store.SUFFIX) for name in names})

    def versions(self, flywheel: str) -> list[Version]:
        """All versions, the newest first."""
        now = self._state(flywheel)
        return [versions.read(v, now) for v in reversed(aliases.made(self._source, named(flywheel)))]

    def get(self, flywheel: str, number: int) -> Version:
        """One version.

        Raises:
            VolantError: If there is none of that number; says which there are.
        """
        every = self.versions(flywheel)
        found = next((version for version in every if version.number == number), None)
        if found is None:
            known = ", ".join(str(version.number) for version in reversed(every))
            hint = f"There are: {known}" if known else f"There is none yet: `volant iterate {flywheel}` makes the first"
            raise VolantError(f"{flywheel} has no version {number}. {hint}.")
        return found

    def champion(self, flywheel: str) -> Version | None:
        """The active version; none also where somebody deleted it in MLflow's pages."""
        number = self._state(flywheel).champion
        return next((version for version in self.versions(flywheel) if version.number == number), None)

    def lost(self, flywheel: str) -> tuple[int, int | None] | None:
        """The champion by the ledger, where somebody deleted it in MLflow's pages, and where a rollback would go.

        None: there is no champion, or it is there.
        """
        now = self._state(flywheel)
        there = {version.number for version in self.versions(flywheel)}
        if now.champion is None or now.champion in there:
            return None
        return now.champion, now.fallback if now.fallback in there else None

    def line(self, flywheel: str) -> list[Version]:
        """The champions that a rollback can go back to, the oldest first, and the active one."""
        champions = self._state(flywheel).champions
        found = {version.number: version for version in self.versions(flywheel)}
        return [found[n] for n in dict.fromkeys(champions) if n in found and found[n].status == "approved"]

    def challenger(self, flywheel: str) -> Version | None:
        """The newest version that waits for approval."""
        number = self._state(flywheel).challenger
        return None if number is None else self.get(flywheel, number)

    def number(self, flywheel: str, given: str) -> int:
        """The number that a person means: a number, `champion` or `challenger`.

        Raises:
            VolantError: If it is neither, or no version has that alias.
        """
        if given.isdecimal():
            return int(given)
        if given not in ("champion", "challenger"):
            raise VolantError(
                f"'{given}' is no version. Give a number of `volant versions {flywheel}`, champion or challenger."
            )
        found = getattr(self._state(flywheel), given)
        if found is None:
            raise VolantError(f"{flywheel} has no {given} now. `volant versions {flywheel}` lists its versions.")
        return found

    def state(self, flywheel: str) -> State:
        """Everything that follows from the ledger now."""
        return self._state(flywheel)

    def history(self, flywheel: str, at: datetime | None = None) -> list[Entry]:
        """What was decided, oldest first; up to `at`.

        Fails with `LedgerError` if the ledger was tampered with; says where.
        """
        return until(self._entries(flywheel), at)

    def active(self, flywheel: str, at: datetime) -> Entry | None:
        """The promotion or rollback by which the version that was active at `at` had become so."""
        moves = [e for e in self.history(flywheel, at) if e.event in ("promote", "rollback")]
        return moves[-1] if moves else None

    def _entries(self, flywheel: str) -> list[Entry]:
        return ledger_store.read(self._source, named(flywheel))

    def _state(self, flywheel: str) -> State:
        return state(self._entries(flywheel))


def named(flywheel: str) -> str:
    """The name, if it can be one of a registered model and of a folder.

    Raises:
        VolantError: If it can't.

    Example:
        >>> named("reviews")
        'reviews'
    """
    if not NAME.fullmatch(flywheel) or flywheel.endswith(ledger_store.SUFFIX):
        raise VolantError(
            f"'{flywheel}' can't be a flywheel: letters, digits, '.', '_' and '-', "
            f"no '{ledger_store.SUFFIX}' at its end."
        )
    return flywheel
