"""Where OpenTelemetry's standard variables or Azure's say whom to tell, every request becomes a span.

Of a request a span holds the route, not the path or the query, and never the body: no text can get into it.
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

import logging
import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

log = logging.getLogger("volant.service")
OTLP = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
AZURE = "APPLICATIONINSIGHTS_CONNECTION_STRING"
PATIENCE = 5  # seconds that a stop waits for a collector
OTHER = "/(other)"
ASKED = "volant.asked"  # under which a scope holds the one that came in


class Tracing:
    """An app with OpenTelemetry around it, or just the app where nobody asks for that.

    Spans are sent by a thread, in batches; a collector that is slow or dead costs spans, and no request waits for it.

    Args:
        app: What answers.
        routes: Gives the templates of all paths that it has, such as `/jobs/{identity}`.
    """

    def __init__(self, app: ASGIApp, routes: Callable[[], Iterable[str]]) -> None:
        self._app = app
        self._provider: Any = None
        self._traced: ASGIApp | None = None
        if exporters := [made for made in (_otlp(), _azure()) if made]:
            self._routes = [(compile_path(path)[0], path) for path in routes()]
            self._start(exporters)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and make a span of it."""
        if self._traced is None or scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told = {**scope, "path": self._route(scope), "query_string": b"", "client": None, ASKED: scope}
        await self._traced(told, receive, send)

    def close(self) -> None:
        """Send what waits; a collector that doesn't answer holds up a stop for some seconds at most."""
        if self._provider:
            ending = threading.Thread(target=self._provider.shutdown, daemon=True)
            ending.start()
            ending.join(PATIENCE)

    def _start(self, exporters: list[Any]) -> None:
        from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        # the environment's name wins
        resource = Resource.create({} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "volant"})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        for exporter in exporters:
            self._provider.add_span_processor(BatchSpanProcessor(exporter))

        async def asked(scope: Scope, receive: Receive, send: Send) -> None:
            await self._app(scope[ASKED], receive, send)

        self._traced = OpenTelemetryMiddleware(
            asked,
            tracer_provider=self._provider,
            default_span_details=lambda scope: (f"{scope['method']} {scope['path']}", {"http.route": scope["path"]}),
            exclude_spans=["receive", "send"],
        )

    def _route(self, scope: Scope) -> str:
        """A path may hold what a client likes; its route doesn't."""
        return next((path for pattern, path in self._routes if pattern.match(scope["path"])), OTHER)


def _otlp() -> Any:
    off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER") == "none"
    if off or not any(os.environ.get(name) for name in OTLP):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ModuleNotFoundError as error:
        return _missing(error, "otel", " and ".join(OTLP))
    return OTLPSpanExporter()


def _azure() -> Any:
    if not os.environ.get(AZURE):
        return None
    try:
        from azure.monitor.opentelemetry.exporter import AzureMonitorTraceExporter
    except ModuleNotFoundError as error:
        return _missing(error, "azure", AZURE)
    return AzureMonitorTraceExporter()


def _missing(error: ModuleNotFoundError, extra: str, names: str) -> None:
    """A platform may set these variables for whatever it runs: that is no reason not to answer."""
    log.warning(
        "No request is traced, as the package '%s' is missing. Get it with `pip install 'volant-nlp[%s]'`, "
        "for a package with `volant package NAME --with %s`; or unset %s.",
        *(error.name, extra, extra, names),
    )
