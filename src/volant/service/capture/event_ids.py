"""Ids of predictions: each proves that this service generated it, so that feedback can't use an invented one."""

import hmac
import re
import secrets

# bytes
RANDOM = 10
PROOF = 6
AT_ONCE = 256
ID = re.compile(rf"[0-9a-f]{{{2 * (RANDOM + PROOF)}}}")


class EventIds:
    """A generator of unguessable ids: 80 random bits, and 48 bits of their keyed hash; for one thread.

    Random bits are drawn in bulk, as each system call hands the interpreter to other threads.

    Args:
        key: Secret key of the service.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._left = b""

    def take(self, count: int) -> list[str]:
        """Return a number of new, unique ids."""
        return [self._next() for _ in range(count)]

    def _next(self) -> str:
        if not self._left:
            self._left = secrets.token_bytes(RANDOM * AT_ONCE)
        random = self._left[:RANDOM]
        self._left = self._left[RANDOM:]
        return (random + _proof(random, self._key)).hex()


def is_ours(identity: str, key: bytes) -> bool:
    """Return True if a service with this key generated the id.

    Example:
        >>> [identity] = EventIds(b"a key").take(1)
        >>> is_ours(identity, b"a key"), is_ours(identity, b"another"), is_ours("made-up", b"a key")
        (True, False, False)
    """
    if not ID.fullmatch(identity):
        return False
    whole = bytes.fromhex(identity)
    return hmac.compare_digest(whole[RANDOM:], _proof(whole[:RANDOM], key))


def _proof(random: bytes, key: bytes) -> bytes:
    return hmac.digest(key, b"event " + random, "sha256")[:PROOF]
