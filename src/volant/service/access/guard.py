"""Checks before every route: tokens, and the size of a body."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from volant.service.access.bodies import offload, read, replay, screen, with_timeouts
from volant.service.access.tokens import Tokens, token
from volant.service.errors import RefusedError
from volant.service.settings import Limits, Settings

# health checks need no token, and reveal only the state of the process
OPEN = ("/livez", "/readyz", "/healthz", "/ping", "/v2/health/live", "/v2/health/ready")
FIRST = "/"  # only redirects to the web UI or the API page
UPLOADS = ("/jobs", "/ui/gradio_api/upload")  # forms with a file in them
DIGITS = 20  # maximum length of a Content-Length; Python's int() refuses thousands of digits
FORM = 1024 * 1024  # maximum bytes of a form in addition to its file
TOKEN_REQUIRED = (
    "A token is required: `Authorization: Bearer TOKEN`; in a browser any user name, and the token as password."
)
# one header each: Chromium doesn't recognise a challenge in a list
CHALLENGES = ("Bearer", 'Basic realm="volant", charset="UTF-8"')


def check_texts(texts: Sequence[str], limits: Limits) -> None:
    """Refuse texts that are too many, too long, or invalid Unicode.

    Raises:
        RefusedError: 422; the message names the limit.

    Example:
        >>> check_texts(["a", "b"], Limits(texts_per_request=1))
        Traceback (most recent call last):
        volant.service.errors.RefusedError: 2 texts in one request; limits.texts_per_request is 1. Send them in parts,
        or as a batch job (POST /jobs).
    """
    if len(texts) > limits.texts_per_request:
        raise RefusedError(
            f"{len(texts)} texts in one request; limits.texts_per_request is {limits.texts_per_request}. "
            "Send them in parts, or as a batch job (POST /jobs)."
        )
    for number, text in enumerate(texts):
        if len(text) > limits.characters_per_text:
            raise RefusedError(
                f"Text {number} has {len(text)} characters; limits.characters_per_text is "
                f"{limits.characters_per_text}. Shorten it."
            )
        if not text.isascii() and not _is_unicode(text):
            raise RefusedError(f"Text {number} contains an unpaired surrogate (invalid Unicode). Fix it.")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass
class Guard:
    """Plain ASGI middleware that refuses invalid requests before any route receives them."""

    app: ASGIApp
    settings: Settings
    tokens: Tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the token, and the size and the duration of the request's body.

        Args:
            scope: ASGI scope.
            receive: ASGI receive function.
            send: ASGI send function.
        """
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        receive = with_timeouts(receive, self.settings.limits) if scope["type"] == "http" else receive
        headers = _first(scope)
        path = scope["path"]
        form = _is_form(path, media(headers))
        largest = self.settings.jobs.upload_bytes + FORM if form else self.settings.limits.body_bytes
        if not _is_open(path) and not self.tokens.may_predict(token(_text(headers, b"authorization"))):
            await refuse(scope, send, 401, TOKEN_REQUIRED, {})
        elif (length := _text(headers, b"content-length")) and not (length.isdigit() and int(length) <= largest):
            await _discard(receive, largest)
            await refuse(scope, send, 413, self._too_large(largest), {"Connection": "close"})
        elif scope["type"] != "http" or not (length or b"transfer-encoding" in headers):
            await self.app(scope, receive, send)
        else:
            await self._counted(scope, receive, send, largest, screened=not form)

    async def _counted(self, scope: Scope, receive: Receive, send: Send, largest: int, screened: bool) -> None:
        """Count a body as it arrives, since its length may not be declared, and refuse it once it is too large."""
        size = 0
        refusal = None

        async def counting() -> Message:
            nonlocal size, refusal
            try:
                message = await receive()
                size += len(message.get("body", b""))
                if size > largest:
                    await _discard(receive, largest)
                    raise RefusedError(self._too_large(largest), 413)
            except RefusedError as error:
                refusal = error
                raise
            return message

        async def instead(message: Message) -> None:
            if refusal is None:
                await send(message)
            elif message["type"] == "http.response.start":  # replaces the route's own error response
                await refuse(scope, send, refusal.status, str(refusal), {"Connection": "close"})

        with suppress(ClientDisconnect):
            if screened:
                await self._screened(scope, counting, send)
            else:
                await self.app(scope, counting, instead)

    async def _screened(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read a whole body, and pass it on if its content is within the limits."""
        try:
            body = await read(receive)
            if body is None:
                return
            if parsed := _json_part(scope, body):
                await offload(len(parsed), screen, parsed, self.settings.limits)
        except RefusedError as error:
            close = {"Connection": "close"} if error.status in (408, 413) else {}
            await refuse(scope, send, error.status, str(error), close)
            return
        await self.app(scope, replay(body, receive), send)

    def _too_large(self, largest: int) -> str:
        name = "limits.body_bytes" if largest == self.settings.limits.body_bytes else "jobs.upload_bytes"
        return f"The body has more than {largest} bytes ({name}). Send it in parts, or as a batch job (POST /jobs)."


def _is_open(path: str) -> bool:
    return path in OPEN or path == FIRST


def _is_form(path: str, kind: str) -> bool:
    """Return True if the body may contain a file; JSON is never a form, on any path."""
    upload = any(path == place or path.startswith(f"{place}/") for place in UPLOADS)
    return upload and kind not in ("application/json", "")


def _json_part(scope: Scope, body: bytes) -> bytes:
    """Return the part of a body that a JSON parser will read; the rest has its own limits where it is read."""
    headers = _first(scope)
    if scope["path"] == "/invocations" and media(headers) == "text/csv":
        return b""
    length = _text(headers, b"inference-header-content-length") or ""
    tensors = scope["path"].startswith("/v2/models/") and length.isascii() and length.isdigit() and len(length) < DIGITS
    return body[: int(length)] if tensors else body


def _first(scope: Scope) -> dict[bytes, bytes]:
    """Return the headers; of a repeated one the first, as the routes do."""
    return dict(reversed(scope["headers"]))


def media(headers: dict[bytes, Any]) -> str:
    """Return the media type of a body, without its parameters.

    Example:
        >>> media({b"content-type": b"Text/CSV; charset=utf-8"})
        'text/csv'
    """
    value = _text(headers, b"content-type") or ""
    return value.split(",", maxsplit=1)[0].split(";", maxsplit=1)[0].strip().lower()


async def _discard(receive: Receive, most: int) -> None:
    """Read the rest of a request up to a limit, else the client gets a broken connection instead of the response."""
    with suppress(RefusedError):
        while most > 0:
            message = await receive()
            most -= len(message.get("body", b""))
            if message["type"] != "http.request" or not message.get("more_body"):
                return


async def refuse(scope: Scope, send: Send, status: int, error: str, headers: dict[str, str]) -> None:
    """Send an error response, without any framework.

    Args:
        scope: ASGI scope.
        send: ASGI send function.
        status: HTTP status.
        error: Message for the client.
        headers: Further headers of the response.
    """
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    body = json.dumps({"error": error}).encode()
    merged = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    raw = [(name.lower().encode(), value.encode()) for name, value in merged.items()]
    raw += [(b"www-authenticate", challenge.encode()) for challenge in CHALLENGES if status == 401]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _text(headers: dict[bytes, Any], name: bytes) -> str | None:
    value = headers.get(name)
    return value.decode("latin-1") if value is not None else None
