"""Open pages: Gradio keeps some 150 KiB of each, and takes any name of one for a new page."""

from collections import OrderedDict
from typing import Any

PER_CLIENT = 50  # pages of one client that are kept at a time
MOST = 1000  # of all; so their states take 150 MiB at most
CLIENTS = 1000


class Sessions:
    """The pages of each client; where there are too many, its oldest one gives way.

    Args:
        states: Gradio's, by the name of the session.
    """

    def __init__(self, states: dict[str, Any]) -> None:
        self._states = states
        self._known = OrderedDict[str, OrderedDict[str, None]]()

    def touch(self, client: str, session: str) -> None:
        """Note that a client uses a page."""
        pages = self._known.setdefault(client, OrderedDict())
        pages[session] = None
        pages.move_to_end(session)
        self._known.move_to_end(client)
        if len(pages) > PER_CLIENT:
            self._drop(pages)
        if len(self._known) > CLIENTS:
            _, last = self._known.popitem(last=False)
            while last:
                self._drop(last)

    def _drop(self, pages: OrderedDict[str, None]) -> None:
        self._states.pop(pages.popitem(last=False)[0], None)
