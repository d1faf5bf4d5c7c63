"""Limits on open pages: Gradio keeps about 150 KiB and the unread messages of each, and accepts any session name."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from volant.service.errors import RefusedError

PER_CLIENT = 50  # maximum sessions of one client
MOST = 1000  # maximum sessions of all clients; their states take at most 150 MiB
CLIENTS = 1000
WAITING = 60  # maximum unread messages of one client; a click makes about three, of up to a few MB


class Sessions:
    """The sessions of each client; if there are too many, the client's oldest one is dropped.

    Args:
        states: Gradio's session states, and the times of their last use.
        messages: Gradio's queue of messages for each session.
    """

    def __init__(self, states: tuple[dict[str, Any], dict[str, Any]], messages: dict[str, Any]) -> None:
        self._states = states
        self._messages = messages
        self._clients = OrderedDict[str, OrderedDict[str, None]]()

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the sessions."""
        return iter(self._states[0])

    def touch(self, client: str, session: str) -> None:
        """Record that a client uses a session.

        Args:
            client: Network address of the client.
            session: Name of the session.

        Raises:
            RefusedError: 429 if the client sends further requests without fetching the responses.
        """
        sessions = self._clients.setdefault(client, OrderedDict())
        sessions[session] = None
        sessions.move_to_end(session)
        self._clients.move_to_end(client)
        if len(sessions) > PER_CLIENT:
            self._drop(sessions)
        if len(self._clients) > CLIENTS:
            _, oldest = self._clients.popitem(last=False)
            while oldest:
                self._drop(oldest)
        if sum(self._messages[name].qsize() for name in sessions if name in self._messages) > WAITING:
            raise RefusedError("Responses to earlier requests of this page were not fetched. Reload it.", 429, 10)

    def _drop(self, sessions: OrderedDict[str, None]) -> None:
        session, _ = sessions.popitem(last=False)
        for states in self._states:
            states.pop(session, None)
        messages = self._messages.get(session)
        while messages and not messages.empty():  # the queue stays, as running functions still put their results there
            messages.get_nowait()
