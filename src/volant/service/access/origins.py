"""Protection from requests of other web sites through a visitor's browser: DNS rebinding and cross-site requests."""

import logging
import os
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

from volant.errors import VolantError
from volant.service.access.guard import OPEN, refuse
from volant.service.access.tokens import Tokens, token

log = logging.getLogger("volant.service")
VARIABLE = "VOLANT_HOSTS"
ANY = "*"
NAME = re.compile(r"\*|(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?(:\d{1,5})?")
SAFE = ("GET", "HEAD", "OPTIONS")
WARNED = 100  # maximum number of refused names that are logged, so that made-up names can't fill the log


class Hosts:
    """The host names of the service.

    IP addresses, `localhost` and this machine's own name are always included: no other web site can have them.

    Args:
        names: Further names, as in `service.yaml`: `ml.example.com`, `ml.example.com:8443`, `*.example.com`, or `*` for
            any name.

    Raises:
        VolantError: If a name is not valid.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        configured = [*names, *os.environ.get(VARIABLE, "").replace(",", " ").split()]
        self._configured = frozenset(_checked(name) for name in configured)
        own = {"localhost", socket.gethostname().lower()}
        self._names = own | {_without_port(name) for name in self._configured}
        self._endings = (".localhost", *(name[1:] for name in self._names if name.startswith("*.")))

    def answers(self, host: str) -> bool:
        """Return True if a `Host` header names this service.

        Example:
            >>> hosts = Hosts(["ml.example.com"])
            >>> [hosts.answers(host) for host in ("127.0.0.1:3000", "[::1]", "ML.example.com", "evil.example")]
            [True, True, True, False]
        """
        name = _without_port(host.lower()).removesuffix(".")
        return ANY in self._names or name in self._names or name.endswith(self._endings) or _is_address(name)

    def trusts(self, origin: str, host: str) -> bool:
        """Return True if an origin is the service's own; behind a proxy that changes `Host`, by the configured names.

        Example:
            >>> hosts = Hosts(["ml.example.com", "*"])
            >>> [hosts.trusts(origin, "127.0.0.1:3000") for origin in ("https://ml.example.com", "http://127.0.0.1:80")]
            [True, False]
        """
        place = origin.lower().partition("://")[2]
        return bool(place) and (place == host.lower() or place in self._configured)


@dataclass
class OriginGuard:
    """Plain ASGI middleware that refuses requests that another web site sends through a visitor's browser."""

    app: ASGIApp
    hosts: Hosts
    tokens: Tokens

    def __post_init__(self) -> None:
        self._warned = set[str]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the requested host name and the origin of the request.

        Args:
            scope: ASGI scope.
            receive: ASGI receive function.
            send: ASGI send function.
        """
        refusal = self._refusal(scope) if scope["type"] in ("http", "websocket") else None
        if refusal is None:
            await self.app(scope, receive, send)
            return
        if refusal not in self._warned and len(self._warned) < WARNED:
            self._warned.add(refusal)
            log.warning("Refused: %s", refusal)
        await refuse(scope, send, 403, refusal, {"Connection": "close"})

    def _refusal(self, scope: Scope) -> str | None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        names = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if not all(self.hosts.answers(name) for name in names) and not self._exempt(scope["path"], headers):
            return _unknown(next(name for name in names if not self.hosts.answers(name)))
        if scope.get("method") not in SAFE and not self._is_own(headers):
            return _foreign(headers.get(b"origin", ""))
        return None

    def _exempt(self, path: str, headers: dict[bytes, str]) -> bool:
        """Return True for health checks, and if a token is required: no browser sends it under another name."""
        credential = token(headers.get(b"authorization"))
        return path in OPEN or not self.tokens.open or self.tokens.is_admin(credential)

    def _is_own(self, headers: dict[bytes, str]) -> bool:
        """Return True if a request comes from no web page, or from one of the service's own.

        Source: the same algorithm as https://pkg.go.dev/net/http#CrossOriginProtection.
        """
        site = headers.get(b"sec-fetch-site")
        origin = headers.get(b"origin")
        if site is not None:
            return site in ("same-origin", "none")
        return origin is None or self.hosts.trusts(origin, headers.get(b"host", ""))


def _checked(name: str) -> str:
    if not NAME.fullmatch(name.lower()):
        raise VolantError(
            f"hosts (service.yaml, {VARIABLE}): '{name[:100]}' is not a valid name. Give the name that browsers use, "
            "without scheme and path, such as ml.example.com, ml.example.com:8443 or *.example.com."
        )
    return name.lower()


def _without_port(host: str) -> str:
    return host if host.endswith("]") else re.sub(r":\d*$", "", host)


def _is_address(name: str) -> bool:
    try:
        ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _unknown(host: str) -> str:
    return (
        f"The host name {host[:100]!r} is not one of this service's: another web site could have chosen it. If it is "
        f"correct, add it to `hosts` in service.yaml or to {VARIABLE}; or use the IP address, or send a token."
    )


def _foreign(origin: str) -> str:
    return (
        f"A page of another web site (origin: {origin[:100] or 'not sent'}) may not send this request. If the page is "
        f"the service's own, behind a proxy, add its name to `hosts` in service.yaml or to {VARIABLE}."
    )
