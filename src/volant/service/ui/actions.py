"""The log of actions in the web UI of this server: who, when, what, and the outcome."""

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
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

    def did(self, who: str, what: str, do: Callable[[], Result]) -> Result:
        """Run an action, and log its success or its error.

        Args:
            who: Name that the person entered; the token is the proof.
            what: Short description of the action.
            do: The action.

        Raises:
            VolantError: If the action raises it; it is logged.
        """
        try:
            done = do()
        except VolantError as error:
            self._add(who, what, f"refused: {error}")
            raise
        self._add(who, what, "done")
        return done

    def html(self) -> str:
        """Return the last actions as HTML, the newest first."""
        with self._journal.locked():
            self._last.extend(self._journal.new())
        rows = [[entry[key] for key in ("time", "who", "what", "outcome")] for entry in reversed(self._last)]
        return table("Log of actions (UTC)", ["Time", "Who", "What", "Outcome"], rows, "Nothing was done here yet.")

    def _add(self, who: str, what: str, outcome: str) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        name = who.strip() or "(no name)"
        with self._journal.locked():
            self._journal.append([{"time": now, "who": name, "what": what, "outcome": outcome[:500]}])
