"""All that a running service holds, made once a process and given to every route."""

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
from volant.service import settings as told
from volant.service.access.clients import client_key
from volant.service.access.guard import check_texts
from volant.service.access.tokens import Tokens, token
from volant.service.capture.event_ids import EventIds
from volant.service.deployments.deployments import Deployments
from volant.service.deployments.following import Following
from volant.service.deployments.loaded import Models, Target
from volant.service.errors import RefusedError
from volant.service.telemetry.metrics import Metrics
from volant.service.telemetry.sinks import Reply, Teller


class State:
    """The service's parts.

    Args:
        root: The project's root.
        sinks: Who is told of answers, beside the metrics.
        metrics: The process's own ones if left out.

    Attributes:
        settings: Limits and the like.
        tokens: Who may do what.
        deployments: What is deployed, on disk.
        models: What is in memory.
        following: Keeps the models as deployed; None in a packaged service.
        metrics: What Prometheus is told.
        teller: Tells the sinks.
    """

    def __init__(self, root: Path = Path(), sinks: Sequence[Sink] = (), metrics: Metrics | None = None) -> None:
        self.root = root
        self.settings = told.load(root)
        self.tokens = Tokens(root)
        self.metrics = metrics or Metrics()
        self.deployments = Deployments(root)
        self.models = Models(self.settings, self.metrics)
        self.following: Following | None = None
        self._ids = EventIds(client_key(root))
        self.teller = Teller([self.metrics, *sinks], self.metrics)

    def follow(self) -> None:
        """Load what is deployed, and keep it so."""
        self.models.deployed = self.deployments.has
        self.following = Following(self.root, self.deployments, self.models)
        self.following.start()

    def load(self, bundles: Mapping[str, tuple[Path, str]]) -> None:
        """Answer with these bundles and no others: flywheel to a bundle's folder and version.

        Raises:
            VolantError: If one of them can't be loaded.
        """
        for name, (folder, version) in bundles.items():
            if not self.models.set(name, Target(name, version, folder)):
                raise VolantError(f"{name}: {self.models.slots[name].error}")

    def ready(self) -> bool:
        """Whether a model answers, or none can be expected to: a new project has no version yet."""
        if any(slot.current for slot in self.models.slots.values()):
            return True
        return self.following is not None and self.following.nothing()

    def close(self) -> None:
        """Answer what was asked, tell the sinks, stop: nothing that was accepted is lost."""
        if self.following:
            self.following.close()
        self.models.close()
        self.teller.close()

    async def answer(self, model: str | None, texts: Sequence[str], client: str = "") -> Reply:
        """Answer the texts of one request: checked, counted, told to the sinks.

        Args:
            model: A deployed name; may be None if there is only one.
            texts: One or many.
            client: Who asks; each client has its turn.

        Raises:
            RefusedError: If they can't be answered; with the status and what to do.
        """
        start, name = time.perf_counter(), model
        try:
            check_texts(texts, self.settings.limits)
            name = self.models.named(model)
            answers = await self.models.predict(name, texts, client)
        except RefusedError as error:
            self._refused(name, error.status)
            raise
        except Exception:  # whatever a model raises
            self._refused(name, 500)
            raise
        ids = self._ids.take(len(texts))
        now, said = datetime.now(UTC), answers.annotations
        reply = Reply(name, answers.version, texts, ids, said, now, answers.bundle, answers.flywheel)
        self.metrics.request(name, len(texts), time.perf_counter() - start)
        self.teller.tell(reply)
        return reply

    def _refused(self, name: str | None, status: int) -> None:
        self.metrics.refused(name if name in self.models.slots else "", status)

    def require_admin(self, request: Request) -> None:
        """Refuse whoever has no admin token.

        Raises:
            RefusedError: 401.
        """
        if not self.tokens.is_admin(token(request.headers.get("authorization"))):
            raise RefusedError(
                "This needs the admin token: `Authorization: Bearer TOKEN`. It was printed at the first start, and "
                "is kept in .volant/service/admin-token; or set VOLANT_ADMIN_TOKEN.",
                401,
            )

    def admin(self) -> Any:
        """A dependency that lets only the admin pass; `dependencies=[state.admin()]`."""
        scheme = HTTPBearer(auto_error=False, scheme_name="admin", description="The admin token.")

        def check(request: Request, _: Annotated[object, Depends(scheme)]) -> None:
            self.require_admin(request)

        return Depends(check)
