"""Read access to the registry: the versions, the decisions about them, and the champion."""

import re
from datetime import datetime
from typing import TYPE_CHECKING

from volant.errors import VolantError
from volant.tracking import aliases, ledger_store
from volant.tracking import version as versions
from volant.tracking.ledger import Entry, State, replay, until
from volant.tracking.version import Version

if TYPE_CHECKING:
    from volant.tracking.ledger_store import Source

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Reader:
    """Versions and decisions, through MLflow's client or directly from its tables, with equal results."""

    def __init__(self, source: "Source") -> None:
        self._source = source

    def knows(self, flywheel: str) -> bool:
        """Return True if the registry has a version or a decision of the flywheel."""
        names = (checked_name(flywheel), flywheel + ledger_store.SUFFIX)
        return any(ledger_store.find(self._source, name) for name in names)

    def flywheels(self) -> list[str]:
        """Return the names of all flywheels in the registry, sorted."""
        names = ledger_store.names(self._source)
        return sorted({name.removesuffix(ledger_store.SUFFIX) for name in names})

    def versions(self, flywheel: str) -> list[Version]:
        """Return all versions of a flywheel, newest first."""
        state = self.state(flywheel)
        registered = aliases.registered_versions(self._source, checked_name(flywheel))
        return [versions.read(version, state) for version in reversed(registered)]

    def get(self, flywheel: str, number: int) -> Version:
        """Return one version.

        Raises:
            VolantError: If there is no version of that number; the message lists those there are.
        """
        versions = self.versions(flywheel)
        for version in versions:
            if version.number == number:
                return version
        numbers = ", ".join(str(version.number) for version in reversed(versions))
        hint = f"There are: {numbers}" if numbers else f"There is none yet: `volant iterate {flywheel}` makes the first"
        raise VolantError(f"{flywheel} has no version {number}. {hint}.")

    def champion(self, flywheel: str) -> Version | None:
        """Return the champion; None if there is none, or it was deleted in MLflow's UI."""
        number = self.state(flywheel).champion
        return next((version for version in self.versions(flywheel) if version.number == number), None)

    def lost(self, flywheel: str) -> tuple[int, int | None] | None:
        """Return the number of a champion that was deleted in MLflow's UI, and the number a rollback would go to.

        The second is None if there is no version to go back to. Returns None if no champion is missing.
        """
        state = self.state(flywheel)
        existing = {version.number for version in self.versions(flywheel)}
        if state.champion is None or state.champion in existing:
            return None
        return state.champion, state.fallback if state.fallback in existing else None

    def number(self, flywheel: str, reference: str) -> int:
        """Return the number of the version that a person refers to by number, `champion` or `challenger`.

        Raises:
            VolantError: If it is none of these, or no version has that alias.
        """
        if reference.isdecimal():
            return int(reference)
        if reference not in ("champion", "challenger"):
            raise VolantError(
                f"'{reference}' is not a valid version. Give a number of `volant versions {flywheel}`, champion or "
                "challenger."
            )
        number = getattr(self.state(flywheel), reference)
        if number is None:
            raise VolantError(f"{flywheel} has no {reference} now. `volant versions {flywheel}` lists its versions.")
        return number

    def state(self, flywheel: str) -> State:
        """Return the state that follows from the ledger now."""
        return replay(self._entries(flywheel))

    def history(self, flywheel: str, at: datetime | None = None) -> list[Entry]:
        """Return the decisions up to `at`, oldest first; all by default.

        Fails with `LedgerError` if the ledger was tampered with; the message says where.
        """
        return until(self._entries(flywheel), at)

    def promotion(self, flywheel: str, at: datetime) -> Entry | None:
        """Return the promotion or rollback that set the champion of the time `at`; None if there was none."""
        moves = [entry for entry in self.history(flywheel, at) if entry.event in ("promote", "rollback")]
        return moves[-1] if moves else None

    def _entries(self, flywheel: str) -> list[Entry]:
        return ledger_store.read(self._source, checked_name(flywheel))


def checked_name(flywheel: str) -> str:
    """Return the name of a flywheel, if it is valid for a registered model and for a folder.

    Raises:
        VolantError: If it is not.

    Example:
        >>> checked_name("reviews")
        'reviews'
    """
    if not NAME.fullmatch(flywheel) or flywheel.endswith(ledger_store.SUFFIX):
        raise VolantError(
            f"'{flywheel}' is not a valid name of a flywheel. Allowed are letters, digits, '.', '_' and '-', without "
            f"'{ledger_store.SUFFIX}' at the end. Choose another name."
        )
    return flywheel
