"""Which client asks, without keeping its address: votes and limits are counted by client."""

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
HEADER = "x-volant-client"  # of what our own pages ask for somebody
NOBODY = "nobody"
LASTS = 3600  # seconds that such a word is taken
DIGITS = 20  # of a time; of hundreds no float can be made


def client(request: Request, tokens: Tokens, key: bytes) -> str:
    """A keyed hash of the request's token where tokens are in use, else of its address.

    Of an IPv6 address it is the network, since one client has as many addresses as it likes in that. Where our own
    pages ask for somebody, it is the address of that browser.
    """
    return hmac.digest(key, caller(request, tokens, key).encode(), "sha256").hex()[:24]


def caller(request: Request, tokens: Tokens, key: bytes) -> str:
    """Return the same as `client` not hashed, which takes time: to tell callers apart in memory, and never to keep."""
    given = token(request.headers.get("authorization"))
    if given and (tokens.is_admin(given) or not tokens.open):
        return f"token {given}"
    host = vouched(request.headers.get(HEADER), key) or (request.client.host if request.client else "")
    return f"host {network(host)}"


@lru_cache(maxsize=4096)
def network(host: str) -> str:
    """Return whose an address is: it itself for IPv4, its network for IPv6, nobody's if it is no address.

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


def vouch(host: str, key: bytes, now: float | None = None) -> str:
    """The service's word that a request comes from an address, for whoever asks the service on its behalf.

    Example:
        >>> vouched(vouch("192.0.2.7", b"key"), b"key")
        '192.0.2.7'
    """
    told = f"{int(time.time() if now is None else now)} {host}"
    return f"{told} {hmac.digest(key, f'vouch {told}'.encode(), 'sha256').hex()}"


def vouched(word: str | None, key: bytes) -> str | None:
    """The address in such a word; None if it is another's word, or an old one.

    Example:
        >>> vouched(vouch("192.0.2.7", b"key").replace(".7", ".8"), b"key") is None
        True
    """
    if not word:
        return None
    then, _, rest = word.partition(" ")
    host, _, _ = rest.rpartition(" ")
    if not (then.isascii() and then.isdigit() and len(then) < DIGITS) or not 0 <= time.time() - int(then) + 1 <= LASTS:
        return None
    same = hmac.compare_digest(word.encode(), vouch(host, key, int(then)).encode())
    return host if same else None


def client_key(root: Path = Path()) -> bytes:
    """The key under which clients are hashed, made at first, readable by its owner only.

    Raises:
        VolantError: If the file is empty or cut off: whoever knows the key votes as anybody.
    """
    path = root / FILE
    make_secret(path, secrets.token_bytes(KEY))
    key = path.read_bytes()
    if len(key) < KEY:
        raise VolantError(
            f"{path} holds a key of {len(key)} bytes; {KEY} are needed. Remove the file, and the next start makes "
            "another key. Clients then count as new ones."
        )
    return key
