"""The ids of answers: each is proof that this service gave it, so that feedback can't make one up."""

import hmac
import re
import secrets

RANDOM, PROOF = 10, 6  # bytes
ID = re.compile(rf"[0-9a-f]{{{2 * (RANDOM + PROOF)}}}")


def new_id(key: bytes) -> str:
    """An id that nobody can guess: 80 random bits, and 48 bits of their keyed hash."""
    random = secrets.token_bytes(RANDOM)
    return (random + _proof(random, key)).hex()


def is_ours(identity: str, key: bytes) -> bool:
    """Whether a service with this key made the id.

    Example:
        >>> is_ours(new_id(b"a key"), b"a key"), is_ours(new_id(b"a key"), b"another"), is_ours("made-up", b"a key")
        (True, False, False)
    """
    if not ID.fullmatch(identity):
        return False
    whole = bytes.fromhex(identity)
    return hmac.compare_digest(whole[RANDOM:], _proof(whole[:RANDOM], key))


def _proof(random: bytes, key: bytes) -> bytes:
    return hmac.digest(key, b"event " + random, "sha256")[:PROOF]
