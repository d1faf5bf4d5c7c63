"""Tokens: the admin token for changes to the service, and API tokens for all other requests, if any are set."""

import base64
import binascii
import hmac
import os
import secrets
from pathlib import Path

from volant.errors import VolantError
from volant.workspace.files import private
from volant.workspace.paths import SERVICE

FILE = SERVICE / "admin-token"
SHORTEST = 16  # minimum characters of the admin token in the file
ADMIN = "VOLANT_ADMIN_TOKEN"
API = "VOLANT_API_TOKENS"


class Tokens:
    """The tokens of a running service.

    `VOLANT_ADMIN_TOKEN` sets the admin token; else one is generated at the first start and stored in a file that only
    its owner can read. `VOLANT_API_TOKENS` sets the API tokens, separated by commas or spaces; if it is empty, no token
    is required for predictions.

    Args:
        root: The project's root.

    Raises:
        VolantError: If the token file is empty or truncated.
    """

    def __init__(self, root: Path = Path()) -> None:
        self._admin = os.environ.get(ADMIN) or _stored(root / FILE)
        self._api = os.environ.get(API, "").replace(",", " ").split()

    @property
    def open(self) -> bool:
        """True if predictions require no token."""
        return not self._api

    def is_admin(self, credential: str | None) -> bool:
        """Return True if a token is the admin token; compared in constant time."""
        return _same(credential, self._admin)

    def may_predict(self, credential: str | None) -> bool:
        """Return True if a token is sufficient for predictions."""
        same = [_same(credential, token) for token in (*self._api, self._admin)]  # all are compared: constant time
        return self.open or any(same)


def token(authorization: str | None) -> str | None:
    """Return the token in an `Authorization` header: `Bearer TOKEN`, or the password of `Basic` (used by browsers).

    Example:
        >>> token("Bearer abc"), token("Basic OmFiYw=="), token("Negotiate x"), token(None)
        ('abc', 'abc', None, None)
    """
    scheme, _, value = (authorization or "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return None
    return None


def _same(credential: str | None, token: str) -> bool:
    return credential is not None and hmac.compare_digest(credential.encode(errors="replace"), token.encode())


def _stored(path: Path) -> str:
    """Return the token in the file; the worker that generates it prints it.

    Raises:
        VolantError: If the file is empty or truncated.
    """
    new = secrets.token_urlsafe(24)
    if make_secret(path, f"{new}\n".encode()):
        print(f"Admin token (shown once, stored in {path}): {new}", flush=True)  # noqa: T201
    stored = path.read_text(encoding="utf-8").strip()
    if len(stored) < SHORTEST:
        raise VolantError(
            f"{path} is empty or truncated: it has {len(stored)} characters; at least {SHORTEST} are required. "
            "Remove the file, and the next start generates another token."
        )
    return stored


def make_secret(path: Path, secret: bytes) -> bool:
    """Write a secret that only its owner can read, unless the file exists; a partial file is never visible.

    It is flushed to disk before it gets its name, so that a crash can't leave an empty file.

    Returns:
        True if it was written: if several workers start at once, only one writes it.
    """
    private(path.parent)
    if path.exists():
        return False
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(secret)
        stream.flush()
        os.fsync(stream.fileno())
    try:
        os.link(part, path)
        _sync(path.parent)
    except FileExistsError:  # another worker was faster
        return False
    finally:
        part.unlink()
    return True


def _sync(folder: Path) -> None:
    """Flush the names in a folder to disk."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
