"""What a request meets first: the guard, then the shortest way to an answer.

BentoML's and FastAPI's layers (metrics, tracing, timeouts, routing) cost about 2 ms of a core for each request, several
times what a linear model takes to answer. So POST /predict is answered here, every other route of ours skips BentoML's
layers, and BentoML's own routes go through them. Where tracing is asked for, everything is traced.
"""

import os

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from volant.errors import VolantError
from volant.service.clients import client_key
from volant.service.collecting import Collecting
from volant.service.limits import Guard
from volant.service.predict import endpoint
from volant.service.refused import RefusedError
from volant.service.routes import build, refused
from volant.service.state import State
from volant.service.ui.beside import Beside, installed
from volant.service.ui.proxy import Proxy, is_page

# BentoML's own
OTHERS = ("/livez", "/readyz", "/healthz", "/metrics", "/schema.json")
TRACING = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
AZURE = "APPLICATIONINSIGHTS_CONNECTION_STRING"


class Front:
    """The whole service as one ASGI app.

    Args:
        state: The service.
        others: BentoML's app, for its own routes and for the lifespan.

    Attributes:
        pages: The process with the pages for people; None where they are switched off.
    """

    def __init__(self, state: State, others: ASGIApp) -> None:
        self.collecting = Collecting(state)
        self.app = build(state, self.collecting.routers())
        self.pages = Beside(state.root) if state.settings.ui else None
        self.app.state.ui = self.pages is not None and installed()
        self._others, self._predict = others, endpoint(state)
        self._proxy = Proxy(state.root, client_key(state.root), self.pages)
        self._inside = Guard(traced(self._route), state.settings, state.tokens)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
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
            await self._others(scope, receive, send)
        elif scope["type"] == "http" and is_page(path):
            await self._proxy(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def traced(app: ASGIApp) -> ASGIApp:
    """The app with OpenTelemetry around it, where the standard variables or Azure's say whom to tell.

    Neither bodies nor texts are ever part of a trace.

    Raises:
        VolantError: If what it needs isn't installed; says how to get it.
    """
    wanted = any(os.environ.get(name) for name in TRACING) and os.environ.get("OTEL_SDK_DISABLED") != "true"
    try:
        if os.environ.get(AZURE):
            return _azure(app)
        return _otlp(app) if wanted else app
    except ModuleNotFoundError as error:
        extra = "azure" if os.environ.get(AZURE) else "otel"
        raise VolantError(
            f"Tracing needs the package '{error.name}'. Get it with `pip install 'volant[{extra}]'`, or unset "
            f"{AZURE if extra == 'azure' else ' and '.join(TRACING)}."
        ) from error


def _azure(app: ASGIApp) -> ASGIApp:
    from azure.monitor.opentelemetry import configure_azure_monitor  # pyright: ignore[reportMissingImports]
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

    configure_azure_monitor()
    return OpenTelemetryMiddleware(app)


def _otlp(app: ASGIApp) -> ASGIApp:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # pyright: ignore[reportMissingImports]
        OTLPSpanExporter,
    )
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    # the environment's name wins
    resource = Resource.create({} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "volant"})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return OpenTelemetryMiddleware(app, tracer_provider=provider)
