"""Limits on clients before any request is read: connections, size of a header, and time.

uvicorn's HTTP parser (httptools) has none of these limits, and no hook for them. So this module wraps the protocol that
uvicorn uses for each connection.
"""

import asyncio
import json
import os
import resource
from collections import Counter
from typing import Any

from uvicorn import config as uvicorn_config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from volant.service.access.clients import network
from volant.service.settings import Limits

TRUSTED = "FORWARDED_ALLOW_IPS"  # uvicorn's: the proxies whose X-Forwarded-For is trusted
HEADERS = 100  # maximum number in one request
URL = 8192  # maximum bytes of an address
FILES = 3 / 4  # share of the process's open files that connections may use
FRAMING = 8  # maximum framing bytes for each byte of a chunked body
SWEEP = 1.0  # seconds between two checks of all connections


class Connections:
    """The open connections of this process, the oldest first.

    Args:
        limits: Limits on connections.
    """

    def __init__(self, limits: Limits) -> None:
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.limits = limits
        self.most = max(1, min(limits.connections, int(files * FILES)))
        self.most_of_one = max(1, min(limits.connections_per_client, self.most // 2))
        self._proxies = ProxyHeadersMiddleware(_no_app, os.environ[TRUSTED]).trusted_hosts
        self._all: dict[LimitedConnection, str] = {}
        self._clients: Counter[str] = Counter()
        self._sweeping = False

    def add(self, connection: "LimitedConnection", host: str) -> bool:
        """Accept a connection; if there are too many, close the oldest idle one.

        Returns:
            False if all connections are in use: the new one is not accepted.
        """
        client = "" if host in self._proxies else network(host)
        crowded = bool(client) and self._clients[client] >= self.most_of_one
        if (crowded or len(self._all) >= self.most) and not self._make_room(client if crowded else None):
            return False
        self._all[connection] = client
        self._clients[client] += 1
        if not self._sweeping:
            self._sweeping = True
            connection.loop.call_later(SWEEP, self._sweep, connection.loop)
        return True

    def remove(self, connection: "LimitedConnection") -> None:
        """Remove a closed connection."""
        client = self._all.pop(connection, None)
        if client is not None:
            self._clients[client] -= 1
            self._clients += Counter()  # drops clients without connections

    def _make_room(self, client: str | None) -> bool:
        for connection, owner in self._all.items():
            if connection.waiting_since is not None and client in (None, owner):
                self.remove(connection)
                connection.transport.close()
                return True
        return False

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection in list(self._all):
            connection.check(now)
        self._sweeping = bool(self._all)
        if self._sweeping:
            loop.call_later(SWEEP, self._sweep, loop)


class LimitedConnection(HttpToolsProtocol):
    """A connection with limits.

    Attributes:
        open_connections: All connections of the process.
        waiting_since: Time since which it waits for the rest of a request's header; None during a request.
    """

    open_connections: Connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection, or refuse it."""
        super().connection_made(transport)
        self.waiting_since: float | None = self.loop.time()
        self._paused_since: float | None = None
        self._in_header = True
        self._refused = False
        self._header = 0
        self._framing = 0
        self._piece = 0
        if not self.open_connections.add(self, self.client[0] if self.client else ""):
            self._refuse(503, "Too many connections are open. Close some, or try again.", "retry-after: 1\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        """Remove the connection."""
        self.open_connections.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse data, and refuse a header or a chunk framing that is too large."""
        if self._refused:
            return
        self._piece = len(data)
        self._framing += self._piece
        super().data_received(data)
        if self._refused or self.transport.is_closing():
            return
        if self._in_header:
            self._header += self._piece
        if self._header > self.open_connections.limits.header_bytes:
            self._too_large()
        elif not self._in_header and self._framing > self.open_connections.limits.header_bytes:
            self._refuse(400, "The chunks of the body are too small, or its trailer too long. Send larger chunks.")

    def on_headers_complete(self) -> None:
        """Start the request, unless its header is too large."""
        self._in_header = False
        self.waiting_since = None
        self._header = 0
        self._framing = 0
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if len(self.url) > URL:
            self._refuse(414, f"The address has {len(self.url)} bytes; {URL} are allowed. Send the data as a body.")
        elif size > self.open_connections.limits.header_bytes or len(self.headers) > HEADERS:
            self._too_large()
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass on a piece of a body."""
        self._framing = max(0, self._framing - FRAMING * len(body))
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a body; the next data are a header."""
        self._in_header = True
        self._header = -self._piece  # it is unknown how much of this piece is the next header
        if not self._refused:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        if self.cycle.response_complete:  # else the next request has arrived already
            self.waiting_since = self.loop.time()

    def pause_writing(self) -> None:
        """Record the time since which the client reads nothing."""
        self._paused_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Record that the client reads again."""
        self._paused_since = None
        super().resume_writing()

    def check(self, now: float) -> None:
        """Close the connection if the client is too slow to send a header, or to read a response."""
        limits = self.open_connections.limits
        if self._paused_since is not None and now - self._paused_since > limits.body_seconds:
            self.transport.abort()
        elif self.waiting_since is not None and now - self.waiting_since > limits.header_seconds:
            if self._header > 0:
                reason = f"The header was incomplete after {limits.header_seconds:g} seconds (limits.header_seconds)."
                self._refuse(408, f"{reason} Send it at once.")
            else:
                self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Refuse data that are not HTTP."""
        self._refuse(400, f"{msg} Send HTTP/1.1, as the API page (/docs) shows.")

    def _unsupported_upgrade_warning(self) -> None:
        """Log nothing: the request is answered without the upgrade."""

    def _too_large(self) -> None:
        most = self.open_connections.limits.header_bytes
        self._refuse(431, f"The header has more than {most} bytes (limits.header_bytes), or more than {HEADERS} lines.")

    def _refuse(self, status: int, error: str, more: str = "") -> None:
        """Send an error response, and close the connection."""
        self._refused = True
        body = json.dumps({"error": error}).encode()
        headers = f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n{more}\r\n"
        self.transport.write(STATUS_LINE[status] + headers.encode() + body)
        self.transport.close()


def use(limits: Limits) -> None:
    """Make uvicorn use this protocol, accept no WebSockets, and trust no proxy unless one is configured.

    Call it before uvicorn is configured.
    """
    os.environ.setdefault(TRUSTED, "")
    LimitedConnection.open_connections = Connections(limits)
    uvicorn_config.HTTP_PROTOCOLS["auto"] = f"{__name__}:LimitedConnection"
    uvicorn_config.WS_PROTOCOLS["auto"] = None


async def _no_app(*_: Any) -> None:
    """Do nothing: this app is never called."""
