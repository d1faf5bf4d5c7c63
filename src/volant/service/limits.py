"""What stands before every route: tokens, and the size of a body."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from volant.service.refused import RefusedError
from volant.service.settings import Limits, Settings
from volant.service.tokens import Tokens, token

# whoever looks after the process asks without a token, and learns nothing but that it lives
OPEN = ("/livez", "/readyz", "/healthz", "/ping", "/v2/health/live", "/v2/health/ready")
FIRST = "/"  # only says where the pages are
UPLOADS = ("/jobs", "/ui/gradio_api/upload")  # forms with a file in them
FORM = 1024 * 1024  # of a form, beside its file
TOKEN_NEEDED = "A token is needed: `Authorization: Bearer TOKEN`; in a browser any user name, the token as password."
# one header each: Chromium finds no challenge that it knows in a list of them
CHALLENGES = ("Bearer", 'Basic realm="volant", charset="UTF-8"')


def check_texts(texts: Sequence[str], limits: Limits) -> None:
    """Refuse texts that are too many, too long, or no Unicode.

    Raises:
        RefusedError: 422, naming the limit.

    Example:
        >>> check_texts(["a", "b"], Limits(texts_per_request=1))
        Traceback (most recent call last):
        volant.service.refused.RefusedError: 2 texts in one request; limits.texts_per_request is 1. Send them in parts,
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
                f"{limits.characters_per_text}. Cut it."
            )
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            raise RefusedError(f"Text {number} holds half of a surrogate pair, which is no character. Mend it.")


@dataclass
class Guard:
    """Refuses a request before any route sees it; plain ASGI, as it stands before every one."""

    app: ASGIApp
    settings: Settings
    tokens: Tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the token and the size of what is sent."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        receive = _patient(receive, self.settings.limits.idle_seconds) if scope["type"] == "http" else receive
        headers = dict(scope["headers"])
        path, largest = scope["path"], self._largest(scope["path"])
        if not _is_open(path) and not self.tokens.may_ask(token(_text(headers, b"authorization"))):
            await refuse(scope, send, 401, TOKEN_NEEDED, {})
        elif (length := _text(headers, b"content-length")) and not (length.isdigit() and int(length) <= largest):
            await _discard(receive, largest)
            await refuse(scope, send, 413, self._too_large(largest), {"Connection": "close"})
        elif scope["type"] != "http":
            await self.app(scope, receive, send)
        else:
            await self._counted(scope, receive, send, largest)

    async def _counted(self, scope: Scope, receive: Receive, send: Send, largest: int) -> None:
        """A body is counted as it comes, since its length may not be said, and must come."""
        size, refusal = 0, None

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
            elif message["type"] == "http.response.start":  # whatever a route made of the error
                await refuse(scope, send, refusal.status, str(refusal), {"Connection": "close"})

        await self.app(scope, counting, instead)

    def _largest(self, path: str) -> int:
        upload = any(path == place or path.startswith(f"{place}/") for place in UPLOADS)
        return self.settings.jobs.upload_bytes + FORM if upload else self.settings.limits.body_bytes

    def _too_large(self, largest: int) -> str:
        name = "limits.body_bytes" if largest == self.settings.limits.body_bytes else "jobs.upload_bytes"
        return f"The body has more than {largest} bytes ({name}). Send it in parts, or as a batch job (POST /jobs)."


def _is_open(path: str) -> bool:
    return path in OPEN or path == FIRST


def _patient(receive: Receive, seconds: float) -> Receive:
    """A client that stops in the middle of its body must hold neither a connection nor a stop of the service."""
    whole = False

    async def patient() -> Message:
        nonlocal whole
        if whole:  # what comes now is that the client goes away
            return await receive()
        try:
            async with asyncio.timeout(seconds):
                message = await receive()
        except TimeoutError:
            told = f"Nothing came for {seconds:g} seconds (limits.idle_seconds). Send the whole body."
            raise RefusedError(told, 408) from None
        whole = not message.get("more_body")
        return message

    return patient


async def _discard(receive: Receive, most: int) -> None:
    """Read what a client is still sending, else it sees a broken connection instead of the answer; not without end."""
    with suppress(RefusedError):
        while most > 0:
            message = await receive()
            most -= len(message.get("body", b""))
            if message["type"] != "http.request" or not message.get("more_body"):
                return


async def refuse(scope: Scope, send: Send, status: int, error: str, headers: dict[str, str]) -> None:
    """Answer with a problem, without any framework."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    body = json.dumps({"error": error}).encode()
    told = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    raw = [(name.lower().encode(), value.encode()) for name, value in told.items()]
    raw += [(b"www-authenticate", challenge.encode()) for challenge in CHALLENGES if status == 401]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _text(headers: dict[bytes, Any], name: bytes) -> str | None:
    value = headers.get(name)
    return value.decode("latin-1") if value is not None else None
