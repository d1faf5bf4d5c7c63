"""The BentoML service.

    bentoml serve volant.service:Volant

Two processes import this module, and only the worker serves: it imports the rest of the service when it starts.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import bentoml
from starlette.types import ASGIApp, Receive, Scope, Send

WORKERS = "VOLANT_WORKERS"  # as in `settings`, whose import would be slow here
MARKERS = ("params.yaml", "conf", "service.yaml", "mlflow.db", "models")  # every project that serves has one of them


class LazyApp:
    """An ASGI app that uses BentoML's app until the worker has made the service's own app.

    Attributes:
        service: The BentoML service.
        bentoml_app: BentoML's app.
        app: The service's own app; None until it is made.
    """

    service: Any
    bentoml_app: ASGIApp
    app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request with the service's app; pass lifespan events to BentoML.

        Args:
            scope: ASGI scope.
            receive: ASGI receive function.
            send: ASGI send function.
        """
        app = self.bentoml_app if self.app is None or scope["type"] == "lifespan" else self.app
        await app(scope, receive, send)


lazy_app = LazyApp()


class AppService(bentoml.Service[Any]):
    """A BentoML service whose requests go through the service's own app first."""

    def to_asgi(self, is_main: bool = True) -> Any:
        """Return the app that a worker serves."""
        from volant.service import settings
        from volant.service.access import connections
        from volant.service.telemetry.metrics import share_counters

        share_counters()  # before BentoML makes its own counters
        connections.use(settings.load().limits)
        lazy_app.service = self
        lazy_app.bentoml_app = super().to_asgi(is_main)
        return lazy_app


@bentoml.service(
    name="volant",
    workers=int(os.environ.get(WORKERS, "1")),
    traffic={"timeout": 600},
    logging={"access": {"enabled": False}},
    service_class=AppService,
)
class Volant:
    """A service that predicts texts with the champion of every deployed flywheel."""

    @bentoml.on_deployment
    @staticmethod
    def _check() -> None:
        """Check the folder and the settings once, before workers are started and restarted in vain.

        Raises:
            SystemExit: If the folder is not a project, or the settings are invalid.
        """
        if Volant.bento is None and not os.environ.get("MLFLOW_TRACKING_URI") and not any(map(os.path.exists, MARKERS)):
            raise SystemExit(
                f"Error: {os.getcwd()} is not a project of Volant: it has none of {', '.join(MARKERS)}, so there is no "
                "model to serve. Run this in the project's root (cd PROJECT), or `bentoml serve volant:latest` for a "
                "service that `volant package` built."
            )
        if os.path.exists("service.yaml") or os.environ.get("VOLANT_HOSTS"):
            from volant.errors import VolantError
            from volant.service import settings
            from volant.service.access.origins import Hosts

            try:
                Hosts(settings.load().hosts)
            except VolantError as error:
                raise SystemExit(f"Error: {error}") from error

    def __init__(self) -> None:
        from volant.bundle.runtime.onnx import cores
        from volant.service.package import packaged
        from volant.service.state import State

        # the workers share the cores; else each would start one thread per core
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores() // int(os.environ.get(WORKERS, "1")))))
        self._state = State()
        bundles = packaged(lazy_app.service)
        with ThreadPoolExecutor(1) as background:  # loads models while the rest is imported
            loading = background.submit(self._state.load, bundles) if bundles else background.submit(self._state.follow)
            from volant.service.api import docs
            from volant.service.asgi import AsgiApp

            app = AsgiApp(self._state, lazy_app.bentoml_app)
            loading.result()
        lazy_app.app = app
        app.parts.start()
        self._parts = app.parts
        self._tracing = app.tracing
        docs.announce(docs.has_ui(app.routes), self._state.tokens.open)
        self._ui = app.ui if docs.has_ui(app.routes) else None
        if self._ui:
            self._ui.start(docs.address(), packaged=bool(bundles))

    def __is_ready__(self) -> bool:
        """Return True if the service is ready; BentoML calls it for /readyz."""
        return self._state.ready()

    @bentoml.on_shutdown
    def _stop(self) -> None:
        if self._ui:
            self._ui.close()
        self._parts.close()
        self._state.close()
        self._tracing.close()
