"""The pages as one app: what of Gradio is needed and nothing else, nothing from outside, no room without end."""

import re
from collections.abc import Awaitable, Callable

import gradio as gr
from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from volant.service import settings
from volant.service.clients import HEADER
from volant.service.limits import refuse
from volant.service.ui import files, look
from volant.service.ui.blocks import build
from volant.service.ui.proxy import PREFIX

# Gradio can do more (call other servers, change its own code, list what ran): none of that is reached
READ = ("/config", "/theme.css", "/favicon.ico", "/static/", "/assets/", "/svelte/", "/gradio_api/info")
READ += ("/gradio_api/file=", "/gradio_api/heartbeat/", "/gradio_api/queue/data", "/gradio_api/queue/status")
READ += ("/gradio_api/upload_progress", "/gradio_api/startup-events", "/gradio_api/app_id", "/gradio_api/theme.css")
WRITE = ("/gradio_api/queue/join", "/gradio_api/component_server/", "/gradio_api/upload", "/gradio_api/reset")
WRITE += ("/gradio_api/cancel",)
# Gradio's templates are functions that it makes of text; whatever else a page loads comes from here
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
TEMPLATE = "frontend/index.html"
UPLOADS = 10  # files of the largest size that may lie here, until they are handed on or an hour has passed


def site(address: str, packaged: bool) -> ASGIApp:
    """The app.

    Args:
        address: Where the service answers.
        packaged: Whether there is no registry: what needs it is left out.
    """
    _strip_template()
    found = settings.load()
    blocks = build(address, found, packaged, delete_cache=(files.HOUR, files.HOUR))
    blocks.queue(default_concurrency_limit=20, max_size=500, api_open=False)
    largest = found.jobs.upload_bytes
    app = gr.mount_gradio_app(
        FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
        blocks,
        path=PREFIX,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        mcp_server=False,
        ssr_mode=False,
        pwa=False,
        show_error=False,
        max_file_size=largest,
        theme=look.theme(),
        css=look.css(),
    )
    return Policy(app, largest * UPLOADS)


def _strip_template() -> None:
    """Gradio's page without what names other servers, and without an app manifest at an address that isn't ours."""
    from gradio.routes import templates
    from jinja2 import ChoiceLoader, DictLoader

    found = templates.env.loader
    assert found is not None  # noqa: S101  (Starlette gave it one)
    page = found.get_source(templates.env, TEMPLATE)[0]
    kept = re.sub(r'<meta\s+(?:property="og:|name="twitter:)[^>]*>|<link rel="manifest"[^>]*>', "", page)
    kept = kept.replace("</head>", f"{look.ICON}</head>", 1)
    templates.env.loader = ChoiceLoader([DictLoader({TEMPLATE: kept}), found])


class Policy:
    """Stands before Gradio; plain ASGI, so that answers stream through it.

    Args:
        app: Gradio.
        room: Bytes that uploads may take.
    """

    def __init__(self, app: ASGIApp, room: int) -> None:
        self._app, self._room = app, room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what pages need."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"].removeprefix(PREFIX)
        if not allowed(scope["method"], path):
            await refuse(scope, send, 404, "The pages have no such address.", {})
        elif path == "/gradio_api/upload" and files.taken() > self._room:
            await refuse(scope, send, 503, "Too many files wait here. Try again later.", {"Retry-After": "600"})
        else:
            host = Request(scope).headers.get(HEADER, "").split(" ")[1:2]
            await self._app({**scope, "client": (host[0] if host else "", 0)}, receive, _secured(send))


def allowed(method: str, path: str) -> bool:
    """Whether the pages need an address of Gradio's.

    Example:
        >>> allowed("GET", "/"), allowed("GET", "/gradio_api/file=https://x"), allowed("POST", "/gradio_api/run/x")
        (True, False, False)
    """
    if "://" in path:  # Gradio would send the browser there
        return False
    if method == "POST":
        return path in WRITE
    return method in ("GET", "HEAD") and (path == "/" or path.startswith(READ))


def _secured(send: Send) -> Callable[[Message], Awaitable[None]]:
    async def secured(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *HEADERS]}
        await send(message)

    return secured
