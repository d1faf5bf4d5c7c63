"""A reverse proxy for requests under `/ui`: to the process of the web UI, and its responses back as they arrive.

Both directions are streamed: server-sent events, uploads and downloads are never held in the worker's memory.
"""

from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from volant.service.access.clients import HEADER, sign_address
from volant.service.api.schemas import Problem
from volant.service.errors import RefusedError
from volant.service.ui import notices, process
from volant.service.ui.shutdown import StopListener

if TYPE_CHECKING:
    import httpx

PREFIX = "/ui"
# hop-by-hop headers, which are not forwarded: RFC 9110, section 7.6.1
HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}


def is_page(path: str) -> bool:
    """Return True if a path belongs to the web UI.

    Example:
        >>> is_page("/ui"), is_page("/ui/assets/a.js"), is_page("/uix")
        (True, True, False)
    """
    return path == PREFIX or path.startswith(f"{PREFIX}/")


class Proxy:
    """A reverse proxy for requests under `/ui`.

    Args:
        root: The project's root.
        key: Key that signs the address of the client.
        ui: Process of the web UI; None if it is switched off.
    """

    def __init__(self, root: Path, key: bytes, ui: process.UiProcess | None) -> None:
        self._socket = root / process.SOCKET
        self._key = key
        self._ui = ui
        self._http: httpx.AsyncClient | None = None
        self._stop: StopListener | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on.

        Args:
            scope: ASGI scope.
            receive: ASGI receive function.
            send: ASGI send function.
        """
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except RefusedError as error:
            response = JSONResponse(Problem(error=str(error)).model_dump(), error.status)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if self._ui is None:
            raise RefusedError("The web UI is switched off (`ui: false` in service.yaml).", 404)
        if not process.installed():
            return _notice(request, notices.MISSING)
        if request.url.path == PREFIX:  # relative, so that it works behind any other proxy
            query = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(f"ui/{query}")
        return await self._forward(request)

    async def _forward(self, request: Request) -> Response:
        import httpx

        forwarded = self._client().build_request(
            request.method,
            httpx.URL("http://ui").copy_with(raw_path=_target(request)),
            headers=self._headers(request),
            content=request.stream() if _has_body(request) else None,
        )
        try:
            response = await self._client().send(forwarded, stream=True)
        except httpx.TransportError:
            failing = self._ui is not None and self._ui.failing
            return _notice(request, notices.FAILING if failing else notices.STARTING)
        streamed = StreamingResponse(self._body(response), response.status_code)
        streamed.raw_headers = _end_to_end((name.lower(), value) for name, value in response.headers.raw)
        return streamed

    async def _body(self, response: "httpx.Response") -> AsyncIterator[bytes]:
        import httpx

        self._stop = self._stop or StopListener()
        events = response.headers.get("content-type", "").startswith("text/event-stream")
        chunks = response.aiter_raw()
        try:
            async for chunk in self._stop.until(chunks) if events else chunks:
                yield chunk
        except httpx.TransportError:  # the web UI ended: no further data will come
            if not events:
                raise
        finally:
            await response.aclose()

    def _headers(self, request: Request) -> list[tuple[bytes, bytes]]:
        host = request.client.host if request.client else ""
        headers = [(name, value) for name, value in _end_to_end(request.headers.raw) if name != HEADER.encode()]
        headers.append((HEADER.encode(), sign_address(host, self._key).encode()))
        if request.url.scheme == "https" and b"x-forwarded-proto" not in dict(headers):
            headers.append((b"x-forwarded-proto", b"https"))
        return headers

    def _client(self) -> "httpx.AsyncClient":
        """Return the HTTP client of the process: many pages may listen at once, and some responses take long."""
        import httpx

        if self._http is None:
            # closed here before the web UI closes it: a request on a connection that was just closed would fail
            expiry = process.IDLE / 10
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=expiry)
            transport = httpx.AsyncHTTPTransport(uds=str(self._socket), limits=limits)
            timeout = httpx.Timeout(None, connect=5)
            self._http = httpx.AsyncClient(transport=transport, timeout=timeout, follow_redirects=False)
        return self._http


def _target(request: Request) -> bytes:
    """Return path and query as they were sent, without decoding."""
    path = request.scope.get("raw_path") or quote(request.scope["path"]).encode()
    query = request.scope["query_string"]
    return path + (b"?" + query if query else b"")


def _has_body(request: Request) -> bool:
    return "content-length" in request.headers or "transfer-encoding" in request.headers


def _end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers if name.decode("latin-1") not in HOP]


def _notice(request: Request, notice: notices.Notice) -> Response:
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": notices.POLICY}
    if "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(notices.html(notice), headers=headers)
    error = Problem(error=notice.text).model_dump()
    retry = {"Retry-After": str(notice.again)} if notice.again else {}
    return JSONResponse(error, 503, headers | retry)
