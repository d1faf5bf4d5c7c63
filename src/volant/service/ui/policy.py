"""Checks before Gradio: addresses that the web UI needs, valid bodies, limits on files."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from gradio.utils import get_upload_folder
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from volant.service.access.bodies import replay
from volant.service.access.clients import HEADER, network
from volant.service.access.guard import refuse
from volant.service.errors import RefusedError
from volant.service.ui import forms
from volant.service.ui.proxy import PREFIX
from volant.service.ui.sessions import Sessions
from volant.service.ui.uploads import Upload, Uploads

# Gradio can do more (call other servers, change its own code, list past calls): none of that is reachable
READ = ("/config", "/theme.css", "/favicon.ico", "/static/", "/assets/", "/svelte/", "/gradio_api/info")
READ += ("/gradio_api/file=", "/gradio_api/heartbeat/", "/gradio_api/queue/data", "/gradio_api/queue/status")
READ += ("/gradio_api/upload_progress", "/gradio_api/startup-events", "/gradio_api/app_id", "/gradio_api/theme.css")
UPLOAD = "/gradio_api/upload"
WRITE = ("/gradio_api/queue/join", "/gradio_api/component_server/", UPLOAD, "/gradio_api/reset")
WRITE += ("/gradio_api/cancel",)
# unsafe-eval: Gradio compiles its templates from text; everything else is loaded from this server
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
]
# CORS headers, which Gradio would send to every origin
FOREIGN = b"access-control-"


@dataclass(frozen=True)
class PageIds:
    """Ids of the page's components with a server function, and of its functions."""

    servers: frozenset[int]
    functions: frozenset[int]


@dataclass
class Policy:
    """Plain ASGI middleware before Gradio, so that answers are streamed."""

    app: ASGIApp
    ids: PageIds
    sessions: Sessions
    uploads: Uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that the web UI needs; refuse any other.

        Args:
            scope: ASGI scope.
            receive: ASGI receive function.
            send: ASGI send function.
        """
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"].removeprefix(PREFIX)
        headers = Headers(scope=scope)
        host = (headers.get(HEADER, "").split(" ")[1:2] or [""])[0]
        passed = {**scope, "client": (host, 0)}
        send = _secured(send)
        upload = None
        try:
            _require_allowed(scope["method"], path)
            if path == UPLOAD:
                upload = self.uploads.begin(network(host), _length(headers))
            elif scope["method"] == "POST":
                passed, receive = await self._checked(path, passed, receive)
        except RefusedError as error:
            extra = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
            await refuse(scope, send, error.status, str(error), extra)
            return
        if upload:
            await self._upload(upload, passed, receive, send)
        else:
            await self.app(passed, receive, send)

    async def _checked(self, path: str, scope: Scope, receive: Receive) -> tuple[Scope, Receive]:
        """Return the request with its checked body, serialised again, so that no other parser reads it differently."""
        headers = Headers(scope=scope)
        body = await _whole(receive)
        tree = forms.parse(body, headers.get("content-type", ""))
        forms.check(path, tree, self.ids.servers, self.ids.functions)
        forms.check_files(tree, Path(get_upload_folder()))
        if "session_hash" in tree:
            self.sessions.touch(network(scope["client"][0]), str(tree["session_hash"])[: forms.SESSION])
        checked = json.dumps(tree).encode()
        others = [header for header in headers.raw if header[0] not in (b"content-length", b"transfer-encoding")]
        scope = {**scope, "headers": [*others, (b"content-length", str(len(checked)).encode())]}
        return scope, replay(checked, receive)

    async def _upload(self, upload: Upload, scope: Scope, receive: Receive, send: Send) -> None:
        response = bytearray()

        async def recording(message: Message) -> None:
            response.extend(message.get("body", b""))
            await send(message)

        await self.app(scope, receive, recording)
        await asyncio.to_thread(self.uploads.end, upload, bytes(response))


def allowed(method: str, path: str) -> bool:
    """Return True if the web UI needs an address of Gradio.

    Example:
        >>> allowed("GET", "/"), allowed("GET", "/gradio_api/file=https://x"), allowed("POST", "/gradio_api/run/x")
        (True, False, False)
    """
    if "://" in path:  # Gradio would redirect the browser there
        return False
    if method == "POST":
        return path in WRITE
    return method in ("GET", "HEAD") and (path == "/" or path.startswith(READ))


def _require_allowed(method: str, path: str) -> None:
    if not allowed(method, path):
        raise RefusedError("The web UI has no such address.", 404)


def _length(headers: Headers) -> int | None:
    length = headers.get("content-length", "")
    return int(length) if length.isdecimal() else None


async def _whole(receive: Receive) -> bytes:
    """Return the body, whose size the worker has limited; its received part if the client has disconnected."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


def _secured(send: Send) -> Callable[[Message], Awaitable[None]]:
    async def secured(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = [header for header in message.get("headers", []) if not header[0].lower().startswith(FOREIGN)]
            message = {**message, "headers": [*own, *HEADERS]}
        await send(message)

    return secured
