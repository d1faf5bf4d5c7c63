"""The state of a running service, created once per process and passed to every route."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends
from fastapi.security import HTTPBearer
from starlette.requests import Request

from volant.errors import VolantError
from volant.monitor.captures import Sink
from volant.service import settings as service_settings
from volant.service.access.clients import client_key
from volant.service.access.guard import check_texts
from volant.service.access.tokens import Tokens, token
from volant.service.capture.event_ids import EventIds
from volant.service.deployments.deployments import Deployments
from volant.service.deployments.follower import Follower
from volant.service.deployments.pool import ModelPool
from volant.service.deployments.slots import Target
from volant.service.errors import RefusedError
from volant.service.telemetry.metrics import Metrics
from volant.service.telemetry.sinks import Publisher, Reply


class State:
    """The parts of the service.

    Args:
        root: The project's root.
        sinks: Receivers of prediction events, in addition to the metrics.
        metrics: Metrics of the service; those of the process if None.

    Attributes:
        settings: Settings.
        tokens: Tokens.
        deployments: Deployments, on disk.
        models: Models in memory.
        follower: Synchronisation of models and deployments; None in a packaged service.
        metrics: Metrics for Prometheus.
        publisher: Dispatcher of prediction events to the sinks.
    """

    def __init__(self, root: Path = Path(), sinks: Sequence[Sink] = (), metrics: Metrics | None = None) -> None:
        self.root = root
        self.settings = service_settings.load(root)
        self.tokens = Tokens(root)
        self.metrics = metrics or Metrics()
        self.deployments = Deployments(root)
        self.models = ModelPool(self.settings, self.metrics)
        self.follower: Follower | None = None
        self._ids = EventIds(client_key(root))
        self.publisher = Publisher([self.metrics, *sinks], self.metrics)

    def follow(self) -> None:
        """Load the deployed models, and keep them synchronised with the deployments."""
        self.models.is_deployed = self.deployments.has
        self.follower = Follower(self.root, self.deployments, self.models)
        self.follower.start()

    def load(self, bundles: Mapping[str, tuple[Path, str]]) -> None:
        """Serve these bundles and no others.

        Args:
            bundles: Folder of the bundle and version, by flywheel.

        Raises:
            VolantError: If a bundle can't be loaded.
        """
        for name, (folder, version) in bundles.items():
            if not self.models.set(name, Target(name, version, folder)):
                raise VolantError(f"{name}: {self.models.slots[name].error}")

    def ready(self) -> bool:
        """Return True if a model is ready, or none can be yet, as in a new project without a version."""
        if any(slot.current for slot in self.models.slots.values()):
            return True
        return self.follower is not None and self.follower.is_empty()

    def close(self) -> None:
        """Answer queued requests, dispatch the events to the sinks, and stop: no accepted request is lost."""
        if self.follower:
            self.follower.close()
        self.models.close()
        self.publisher.close()

    async def answer(self, model: str | None, texts: Sequence[str], client: str = "") -> Reply:
        """Predict the texts of one request: validated, counted, and dispatched to the sinks.

        Args:
            model: Name of the deployment; None if there is only one.
            texts: One or many texts.
            client: Identity of the client; clients take turns.

        Raises:
            RefusedError: If the request is refused; with the status and the next step.
        """
        start = time.perf_counter()
        name = model
        try:
            check_texts(texts, self.settings.limits)
            name = self.models.resolve(model)
            prediction = await self.models.predict(name, texts, client)
        except RefusedError as error:
            self._refused(name, error.status)
            raise
        except Exception:  # a model may raise anything
            self._refused(name, 500)
            raise
        ids = self._ids.take(len(texts))
        reply = Reply(
            name,
            prediction.version,
            texts,
            ids,
            prediction.annotations,
            datetime.now(UTC),
            prediction.bundle,
            prediction.flywheel,
        )
        self.metrics.request(name, len(texts), time.perf_counter() - start)
        self.publisher.publish(reply)
        return reply

    def _refused(self, name: str | None, status: int) -> None:
        self.metrics.refused(name if name in self.models.slots else "", status)

    def require_admin(self, request: Request) -> None:
        """Refuse a request without the admin token.

        Raises:
            RefusedError: 401.
        """
        if not self.tokens.is_admin(token(request.headers.get("authorization"))):
            raise RefusedError(
                "This requires the admin token: `Authorization: Bearer TOKEN`. It was printed at the first start, and "
                "is stored in .volant/service/admin-token; or set VOLANT_ADMIN_TOKEN.",
                401,
            )

    def admin(self) -> Any:
        """Return a FastAPI dependency that requires the admin token: `dependencies=[state.admin()]`."""
        scheme = HTTPBearer(auto_error=False, scheme_name="admin", description="The admin token.")

        def check(request: Request, _: Annotated[object, Depends(scheme)]) -> None:
            self.require_admin(request)

        return Depends(check)
