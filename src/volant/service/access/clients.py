"""Identification of clients without storing their addresses: votes and limits are counted per client."""

import hmac
import secrets
import time
from functools import lru_cache
from ipaddress import IPv4Address, ip_address, ip_network
from pathlib import Path

from starlette.requests import Request

from volant.errors import VolantError
from volant.service.access.tokens import Tokens, make_secret, token
from volant.workspace.paths import SERVICE

FILE = SERVICE / "client-key"
KEY = 32  # bytes
HEADER = "x-volant-client"  # the signed address, on requests that the web UI sends on behalf of a client
NOBODY = "nobody"
VALID = 3600  # seconds for which a signed address is valid
DIGITS = 20  # maximum length of a time; hundreds of digits don't fit a float


def client(request: Request, tokens: Tokens, key: bytes) -> str:
    """Return a keyed hash of the request's token if tokens are in use, else of its address.

    An IPv6 address is reduced to its network, since one client has many addresses in it. For a request of the web UI,
    the address is that of the user's browser.

    Args:
        request: The request.
        tokens: Tokens of the service.
        key: Key of the hash, from `client_key`.
    """
    return hmac.digest(key, caller(request, tokens, key).encode(), "sha256").hex()[:24]


def caller(request: Request, tokens: Tokens, key: bytes) -> str:
    """Return the same identity as `client`, unhashed, which is faster; it must never be stored.

    Args:
        request: The request.
        tokens: Tokens of the service.
        key: Key that signs addresses, from `client_key`.
    """
    credential = token(request.headers.get("authorization"))
    if credential and (tokens.is_admin(credential) or not tokens.open):
        return f"token {credential}"
    host = verified_address(request.headers.get(HEADER), key) or (request.client.host if request.client else "")
    return f"host {network(host)}"


@lru_cache(maxsize=4096)
def network(host: str) -> str:
    """Return the owner of an address: the address itself for IPv4, its network for IPv6, `nobody` if it is invalid.

    Example:
        >>> network("192.0.2.7"), network("2001:db8::1:2"), network("::ffff:192.0.2.7"), network("garbage")
        ('192.0.2.7', '2001:db8::/64', '192.0.2.7', 'nobody')
    """
    try:
        address = ip_address(host)
    except ValueError:
        return NOBODY
    if isinstance(address, IPv4Address):
        return host
    mapped = address.ipv4_mapped
    return str(mapped) if mapped else str(ip_network((int(address), 64), strict=False))


def sign_address(host: str, key: bytes, now: float | None = None) -> str:
    """Return an address with time and signature, for a process that sends requests on a client's behalf.

    Args:
        host: Address of the client.
        key: Key of the signature, from `client_key`.
        now: Time of the signature in seconds since 1970; the current time if None.

    Example:
        >>> verified_address(sign_address("192.0.2.7", b"key"), b"key")
        '192.0.2.7'
    """
    content = f"{int(time.time() if now is None else now)} {host}"
    return f"{content} {hmac.digest(key, f'vouch {content}'.encode(), 'sha256').hex()}"


def verified_address(signed: str | None, key: bytes) -> str | None:
    """Return the address in a signed one; None if the signature is wrong or has expired.

    Example:
        >>> verified_address(sign_address("192.0.2.7", b"key").replace(".7", ".8"), b"key") is None
        True
    """
    if not signed:
        return None
    then, _, rest = signed.partition(" ")
    host, _, _ = rest.rpartition(" ")
    if not (then.isascii() and then.isdigit() and len(then) < DIGITS) or not 0 <= time.time() - int(then) + 1 <= VALID:
        return None
    same = hmac.compare_digest(signed.encode(), sign_address(host, key, int(then)).encode())
    return host if same else None


def client_key(root: Path = Path()) -> bytes:
    """Return the key that clients are hashed with; it is generated at first use, and only its owner can read it.

    Raises:
        VolantError: If the file is empty or truncated: with a known key anyone could vote as anyone.
    """
    path = root / FILE
    make_secret(path, secrets.token_bytes(KEY))
    key = path.read_bytes()
    if len(key) < KEY:
        raise VolantError(
            f"{path} has a key of {len(key)} bytes; {KEY} are required. Remove the file, and the next start generates "
            "another key. All clients then count as new."
        )
    return key
