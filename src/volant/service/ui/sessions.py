"""Open pages: Gradio keeps some 150 KiB of each, what they have not fetched, and takes any name for a new page."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from volant.service.errors import RefusedError

PER_CLIENT = 50  # pages of one client that are kept at a time
MOST = 1000  # of all; so their states take 150 MiB at most
CLIENTS = 1000
WAITING = 60  # messages that one client has not fetched; a click makes about three, of up to some MB


class Sessions:
    """The pages of each client; where there are too many, its oldest one gives way.

    Args:
        states: Gradio's states of sessions, and times of their last use.
        messages: Gradio's queue of messages for each session.
    """

    def __init__(self, states: tuple[dict[str, Any], dict[str, Any]], messages: dict[str, Any]) -> None:
        self._states, self._messages = states, messages
        self._known = OrderedDict[str, OrderedDict[str, None]]()

    def __iter__(self) -> Iterator[str]:
        """The names of the sessions that are kept."""
        return iter(self._states[0])

    def touch(self, client: str, session: str) -> None:
        """Note that a client uses a page.

        Raises:
            RefusedError: 429 if the client asks for more and more, and fetches none of it.
        """
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
        if sum(self._messages[one].qsize() for one in pages if one in self._messages) > WAITING:
            raise RefusedError("Answers to earlier requests of this page were not fetched. Load it again.", 429, 10)

    def _drop(self, pages: OrderedDict[str, None]) -> None:
        session, _ = pages.popitem(last=False)
        for kept in self._states:
            kept.pop(session, None)
        messages = self._messages.get(session)
        while messages and not messages.empty():  # the queue stays, as what runs still puts its answer there
            messages.get_nowait()
