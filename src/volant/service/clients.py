"""Which client asks, without keeping its address: votes and limits are counted by client."""

import hmac
import os
import secrets
from contextlib import suppress
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request

from volant.service.tokens import token

if TYPE_CHECKING:
    from volant.service.state import State

FILE = Path(".volant/service/client-key")


def client(request: Request, state: "State", key: bytes) -> str:
    """A keyed hash of the request's token where tokens are in use, else of its address.

    Of an IPv6 address it is the network, since one client has as many addresses as it likes in that.
    """
    given = token(request.headers.get("authorization"))
    host = request.client.host if request.client else ""
    with suppress(ValueError):
        if ip_address(host).version == 6:
            host = str(ip_network(f"{host}/64", strict=False))
    known = given if given and (state.tokens.is_admin(given) or not state.tokens.open) else None
    return hmac.digest(key, f"token {known}".encode() if known else f"host {host}".encode(), "sha256").hex()[:24]


def client_key(root: Path = Path()) -> bytes:
    """The key under which clients are hashed, made at first, readable by its owner only."""
    path = root / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        made = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
        with suppress(FileExistsError):  # another worker was quicker
            os.link(made, path)
        made.unlink()
    return path.read_bytes()
