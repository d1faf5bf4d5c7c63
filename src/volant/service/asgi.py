"""The outermost ASGI app: first the guard, then the shortest way to a prediction.

BentoML's and FastAPI's layers (metrics, tracing, timeouts, routing) cost about 2 ms of a core for each request, several
times as much as a prediction of a linear model. So POST /predict is answered here, every other route of the service
skips BentoML's layers, and BentoML's own routes go through them. If tracing is enabled, all requests are traced.
"""

import asyncio

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from volant.service.access.clients import client_key
from volant.service.access.guard import Guard, refuse
from volant.service.access.origins import Hosts, OriginGuard
from volant.service.api.predict import endpoint
from volant.service.api.problems import refused
from volant.service.api.routes import build
from volant.service.errors import RefusedError
from volant.service.parts import ServiceParts
from volant.service.state import State
from volant.service.telemetry.counters import SEEN, several
from volant.service.telemetry.tracing import Tracing
from volant.service.ui.process import UiProcess, installed
from volant.service.ui.proxy import Proxy, is_page

# routes of BentoML
LOOK = ("GET", "HEAD")
OTHERS = ("/livez", "/readyz", "/healthz", "/metrics", "/schema.json")


class AsgiApp:
    """The whole service as one ASGI app.

    Args:
        state: The service.
        others: BentoML's app, for its own routes and for the lifespan.

    Attributes:
        pages: Process of the web UI; None if it is switched off.
    """

    def __init__(self, state: State, others: ASGIApp) -> None:
        self.collecting = ServiceParts(state)
        self.app = build(state, self.collecting.routers())
        self.pages = UiProcess(state.root) if state.settings.ui else None
        self.app.state.ui = self.pages is not None and installed()
        self._others = others
        self._predict = endpoint(state)
        self._proxy = Proxy(state.root, client_key(state.root), self.pages)
        self.tracing = Tracing(self._route, lambda: (*OTHERS, *self.app.openapi()["paths"]))
        guard = Guard(self.tracing, state.settings, state.tokens)
        self._inside = OriginGuard(guard, Hosts(state.settings.hosts), state.tokens)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request.

        Args:
            scope: ASGI scope.
            receive: ASGI receive function.
            send: ASGI send function.
        """
        await self._inside(scope, receive, send)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path == "/predict" and scope.get("method") == "POST":
            request = Request(scope, receive)
            try:
                response = await self._predict(request)
            except RefusedError as error:
                response = await refused(request, error)
            await response(scope, receive, send)
        elif path in OTHERS:
            await self._health(scope, receive, send)
        elif scope["type"] == "http" and is_page(path):
            await self._proxy(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _health(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") not in LOOK:
            told = f"{scope['method'][:20]} is not allowed at {scope['path']}. Allowed: {', '.join(LOOK)}."
            await refuse(scope, send, 405, told, {"Allow": ", ".join(LOOK)})
            return
        if scope["path"] == "/metrics" and several():  # so that it includes the latest numbers of the other workers
            await asyncio.sleep(SEEN)
        await self._others(scope, receive, send)
