"""The BentoML service: one FastAPI app with every route, mounted at `/`.

    bentoml serve volant.service:Volant

Two processes import this, and only the worker serves: what it needs for that it imports when it starts.
"""

import os
from typing import TYPE_CHECKING

import bentoml
from starlette.types import ASGIApp, Receive, Scope, Send

if TYPE_CHECKING:
    from volant.service.state import State

WORKERS = "VOLANT_WORKERS"


class Mounted:
    """Stands where BentoML mounts an app before there is one: the app needs the state, and a worker makes that."""

    app: ASGIApp
    state: "State | None" = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app answer."""
        await self.app(scope, receive, send)


mounted = Mounted()


class Door:
    """Guards BentoML's own routes as well as ours.

    Args:
        app: What comes behind it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app: ASGIApp = app
        self._guard: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through who may come in; before there is a state, nothing but the start itself comes here."""
        if self._guard is None and mounted.state:
            from volant.service.limits import Guard

            self._guard = Guard(self._app, mounted.state.settings, mounted.state.tokens)
        await (self._guard or self._app)(scope, receive, send)


@bentoml.service(
    name="volant",
    workers=int(os.environ.get(WORKERS, "1")),
    traffic={"timeout": 600},
    logging={"access": {"enabled": False}},
)
@bentoml.asgi_app(mounted, path="/", name="volant")
class Volant:
    """Answers texts with the active version of every deployed flywheel."""

    def __init__(self) -> None:
        from volant.service import pages, routes
        from volant.service.state import State

        self._state = mounted.state = State()
        mounted.app = app = routes.build(self._state)
        self._state.follow()
        pages.announce(pages.has_ui(app))

    @bentoml.on_shutdown
    def _stop(self) -> None:
        self._state.close()


Volant.add_asgi_middleware(Door)  # pyright: ignore[reportArgumentType]  (its own middlewares take no options either)
