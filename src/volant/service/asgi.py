"""The outermost ASGI app: guards first, then the shortest path to a prediction.

The layers of BentoML and FastAPI (metrics, tracing, timeouts, routing) cost about 2 ms of a core per request, several
times as much as a prediction of a linear model. So POST /predict is answered here, all other routes of the service
bypass BentoML's layers, and only BentoML's own routes use them. If tracing is enabled, all requests are traced.
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
from volant.service.telemetry.counters import VISIBLE_AFTER, several
from volant.service.telemetry.tracing import Tracing
from volant.service.ui.process import UiProcess, installed
from volant.service.ui.proxy import Proxy, is_page

# routes of BentoML
METHODS = ("GET", "HEAD")
BENTOML = ("/livez", "/readyz", "/healthz", "/metrics", "/schema.json")


class AsgiApp:
    """The whole service as one ASGI app.

    Args:
        state: The service.
        bentoml_app: BentoML's app, for its own routes.

    Attributes:
        parts: Capture, feedback and jobs.
        routes: FastAPI app with the routes of the service.
        ui: Process of the web UI; None if it is switched off.
        tracing: The traced app.
    """

    def __init__(self, state: State, bentoml_app: ASGIApp) -> None:
        self.parts = ServiceParts(state)
        self.routes = build(state, self.parts.routers())
        self.ui = UiProcess(state.root) if state.settings.ui else None
        self.routes.state.ui = self.ui is not None and installed()
        self._bentoml_app = bentoml_app
        self._predict = endpoint(state)
        self._proxy = Proxy(state.root, client_key(state.root), self.ui)
        self.tracing = Tracing(self._route, lambda: (*BENTOML, *self.routes.openapi()["paths"]))
        guard = Guard(self.tracing, state.settings, state.tokens)
        self._guarded = OriginGuard(guard, Hosts(state.settings.hosts), state.tokens)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request.

        Args:
            scope: ASGI scope.
            receive: ASGI receive function.
            send: ASGI send function.
        """
        await self._guarded(scope, receive, send)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path == "/predict" and scope.get("method") == "POST":
            request = Request(scope, receive)
            try:
                response = await self._predict(request)
            except RefusedError as error:
                response = await refused(request, error)
            await response(scope, receive, send)
        elif path in BENTOML:
            await self._health(scope, receive, send)
        elif scope["type"] == "http" and is_page(path):
            await self._proxy(scope, receive, send)
        else:
            await self.routes(scope, receive, send)

    async def _health(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") not in METHODS:
            allowed = ", ".join(METHODS)
            message = f"{scope['method'][:20]} is not allowed at {scope['path']}. Allowed: {allowed}."
            await refuse(scope, send, 405, message, {"Allow": allowed})
            return
        if scope["path"] == "/metrics" and several():  # so that it includes the latest numbers of the other workers
            await asyncio.sleep(VISIBLE_AFTER)
        await self._bentoml_app(scope, receive, send)
