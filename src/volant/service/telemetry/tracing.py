"""Tracing with OpenTelemetry, if its standard variables or Azure's are set: every request becomes a span.

A span has the route of a request, not the path or the query, and never the body: no text can get into it. See
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
PATIENCE = 5  # seconds that a shutdown waits for a collector
OTHER = "/(other)"
ORIGINAL = "volant.original"  # key of the original scope in a scope


class Tracing:
    """An app wrapped with OpenTelemetry, or unchanged if tracing is not configured.

    Spans are sent by a thread, in batches; a slow or dead collector costs spans, but delays no request.

    Args:
        app: The app.
        routes: Returns the templates of all its paths, such as `/jobs/{identity}`.
    """

    def __init__(self, app: ASGIApp, routes: Callable[[], Iterable[str]]) -> None:
        self._app = app
        self._provider: Any = None
        self._traced: ASGIApp | None = None
        if exporters := [exporter for exporter in (_otlp(), _azure()) if exporter]:
            self._routes = [(compile_path(path)[0], path) for path in routes()]
            self._start(exporters)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request in a span.

        Args:
            scope: ASGI scope.
            receive: ASGI receive function.
            send: ASGI send function.
        """
        if self._traced is None or scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        anonymous = {**scope, "path": self._route(scope), "query_string": b"", "client": None, ORIGINAL: scope}
        await self._traced(anonymous, receive, send)

    def close(self) -> None:
        """Send the pending spans; a collector that doesn't respond delays the shutdown by a few seconds at most."""
        if self._provider:
            shutdown = threading.Thread(target=self._provider.shutdown, daemon=True)
            shutdown.start()
            shutdown.join(PATIENCE)

    def _start(self, exporters: list[Any]) -> None:
        from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        # the service name from the environment takes precedence
        resource = Resource.create({} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "volant"})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        for exporter in exporters:
            self._provider.add_span_processor(BatchSpanProcessor(exporter))

        async def original(scope: Scope, receive: Receive, send: Send) -> None:
            await self._app(scope[ORIGINAL], receive, send)

        self._traced = OpenTelemetryMiddleware(
            original,
            tracer_provider=self._provider,
            default_span_details=lambda scope: (f"{scope['method']} {scope['path']}", {"http.route": scope["path"]}),
            exclude_spans=["receive", "send"],
        )

    def _route(self, scope: Scope) -> str:
        """Return the template of a path, as the path itself may contain anything that a client sends."""
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
    """Log that a package for tracing is missing: a platform may set these variables, and predictions must go on."""
    log.warning(
        "Tracing is off, as the package '%s' is missing. Install it with `pip install 'volant-nlp[%s]'`, "
        "for a package with `volant package NAME --with %s`; or unset %s.",
        *(error.name, extra, extra, names),
    )
