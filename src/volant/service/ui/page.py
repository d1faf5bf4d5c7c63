"""Shared state of the tabs of a page: the API, the token, the deployments."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr

from volant.errors import VolantError
from volant.service.access.clients import HEADER
from volant.service.access.tokens import token as browser_token
from volant.service.deployments.deployments import live
from volant.service.settings import Settings
from volant.service.ui.api import Api, Caller
from volant.service.ui.markup import note

ROOT = Path()
TOKEN = 1000  # maximum characters of a typed token
# hidden from Gradio's own clients: programs use the API
PRIVATE: Any = {"api_visibility": "private"}


@dataclass
class Page:
    """One page, while it is built.

    Attributes:
        api: Client of the service.
        settings: Settings of the service.
        token: Token field at the top.
        packaged: True if there is no registry.
        deployments: Last response of GET /models by name, for each session.
        models: Fields that choose a deployed model.
        flywheels: Fields that choose a flywheel.
        shown: Components, each with a function of the deployments and the user that returns its value after each
            reload.
        changes: Events after which the deployments are reloaded.
    """

    api: Api
    settings: Settings
    token: gr.Textbox
    packaged: bool
    deployments: gr.State
    models: list[gr.Dropdown] = field(default_factory=list)
    flywheels: list[gr.Dropdown] = field(default_factory=list)
    shown: list[tuple[Any, Callable[[list[dict[str, Any]], Caller], Any]]] = field(default_factory=list)
    changes: list[Any] = field(default_factory=list)

    def who(self, token: str | None, request: gr.Request) -> Caller:
        """Return the user of a request: by the typed token, else by the browser's; tokens are not stored."""
        typed = "".join(letter for letter in token or "" if letter.isprintable() and not letter.isspace())[:TOKEN]
        credential = typed or browser_token(request.headers.get("authorization")) or ""
        return Caller(credential, request.headers.get(HEADER, ""))

    def admin(self, token: str | None, request: gr.Request) -> Caller:
        """Return the user of a request after checking the admin token; others are refused with 401."""
        who = self.who(token, request)
        self.api.require_admin(who)
        return who

    def is_admin(self, who: Caller) -> bool:
        """Return True if the service accepts the user's token as the admin token."""
        try:
            self.api.require_admin(who)
        except VolantError:
            return False
        return True

    def flywheel_names(self, models: dict[str, Any]) -> list[str]:
        """Return all flywheels: live ones, and those of the deployments."""
        names = [] if self.packaged else live(ROOT)
        return sorted({*names, *(model["flywheel"] for model in models.values())})

    def deployed(self, who: Caller) -> list[dict[str, Any]]:
        """Return the deployments, as GET /models shows them."""
        return self.api.ask(who, "GET", "/models")["models"]

    def model(self) -> gr.Dropdown:
        """Return a new field that chooses a deployed model."""
        field = gr.Dropdown([], label="Model", interactive=True)
        self.models.append(field)
        return field

    def flywheel(self) -> gr.Dropdown:
        """Return a new field that chooses a flywheel."""
        field = gr.Dropdown([], label="Flywheel", interactive=True)
        self.flywheels.append(field)
        return field


def showing_errors(handler: Callable[..., Any], place: Any) -> Callable[..., Any]:
    """Return a handler that shows its errors in a component instead of failing.

    Args:
        handler: Returns a dict of components and values.
        place: Component that shows errors.
    """

    @functools.wraps(handler)
    def run(*arguments: Any) -> Any:
        try:
            return handler(*arguments) or {place: gr.skip()}
        except VolantError as error:
            return {place: note(str(error), good=False)}

    return run


def dropdown(now: str | None, names: list[str]) -> Any:
    """Return a field with these choices; the present choice stays if it is still available."""
    return gr.Dropdown(choices=names, value=now if now in names else next(iter(names), None))
