"""The log of actions in the web UI of this server: time, user, action, outcome."""

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import TypeVar

from volant.errors import VolantError
from volant.service.ui.markup import table
from volant.workspace.journal import Entry, Journal
from volant.workspace.paths import SERVICE

FILE = SERVICE / "actions.jsonl"
SHOWN = 100
Result = TypeVar("Result")


class Actions:
    """The log of actions.

    Args:
        root: The project's root.
    """

    def __init__(self, root: Path = Path()) -> None:
        self._journal = Journal(root / FILE)
        self._last: deque[Entry] = deque(maxlen=SHOWN)

    def run(self, user: str, description: str, action: Callable[[], Result]) -> Result:
        """Run an action, and log its success or its error.

        Args:
            user: Name that the user entered; the token is the proof.
            description: Short description of the action.
            action: The action.

        Raises:
            VolantError: If the action raises it; it is logged.
        """
        try:
            result = action()
        except VolantError as error:
            self._add(user, description, f"refused: {error}")
            raise
        self._add(user, description, "done")
        return result

    def html(self) -> str:
        """Return the last actions as HTML, the newest first."""
        with self._journal.locked():
            self._last.extend(self._journal.new())
        rows = [itemgetter("time", "who", "what", "outcome")(entry) for entry in reversed(self._last)]
        return table("Log of actions (UTC)", ["Time", "User", "Action", "Outcome"], rows, "No actions yet.")

    def _add(self, user: str, description: str, outcome: str) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        name = user.strip() or "(no name)"
        with self._journal.locked():
            self._journal.append([{"time": now, "who": name, "what": description, "outcome": outcome[:500]}])
