"""What the tabs of a page share: the API, the token, the lists of what is deployed."""

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
TOKEN = 1000  # characters of one that is typed; a longer one is no token
# nothing of this is for Gradio's own clients: programs ask the API
PRIVATE: Any = {"api_visibility": "private"}


@dataclass
class Page:
    """One page, while it is built.

    Attributes:
        api: The service.
        settings: Its limits.
        token: The field at the top.
        packaged: Whether there is no registry.
        known: What GET /models said last, by name; of each session.
        models: Fields that choose a deployed model.
        flywheels: Fields that choose a flywheel.
        shown: Called with what is deployed whenever that was asked for, and with who asked; gives a component's value.
        changes: Events after which what is deployed is asked for again.
    """

    api: Api
    settings: Settings
    token: gr.Textbox
    packaged: bool
    known: gr.State
    models: list[gr.Dropdown] = field(default_factory=list)
    flywheels: list[gr.Dropdown] = field(default_factory=list)
    shown: list[tuple[Any, Callable[[list[dict[str, Any]], Caller], Any]]] = field(default_factory=list)
    changes: list[Any] = field(default_factory=list)

    def who(self, token: str | None, request: gr.Request) -> Caller:
        """Who asked for something on the page, by the token that was typed, else by the browser's; none is kept."""
        typed = "".join(one for one in token or "" if one.isprintable() and not one.isspace())[:TOKEN]
        known = typed or browser_token(request.headers.get("authorization")) or ""
        return Caller(known, request.headers.get(HEADER, ""))

    def admin(self, token: str | None, request: gr.Request) -> Caller:
        """The same, if the service says that it is an admin's token.

        Raises:
            RefusedError: 401.
        """
        who = self.who(token, request)
        self.api.require_admin(who)
        return who

    def is_admin(self, who: Caller) -> bool:
        """Whether the service says so."""
        try:
            self.api.require_admin(who)
        except VolantError:
            return False
        return True

    def of(self, known: dict[str, Any]) -> list[str]:
        """All flywheels: live ones, and those of what is deployed."""
        lives = [] if self.packaged else live(ROOT)
        return sorted({*lives, *(model["flywheel"] for model in known.values())})

    def deployed(self, who: Caller) -> list[dict[str, Any]]:
        """What is deployed, as GET /models shows it."""
        return self.api.ask(who, "GET", "/models")["models"]

    def model(self) -> gr.Dropdown:
        """A field that chooses a deployed model."""
        made = gr.Dropdown([], label="Model", interactive=True)
        self.models.append(made)
        return made

    def flywheel(self) -> gr.Dropdown:
        """A field that chooses a flywheel."""
        made = gr.Dropdown([], label="Flywheel", interactive=True)
        self.flywheels.append(made)
        return made


def explained(handler: Callable[..., Any], place: Any) -> Callable[..., Any]:
    """A handler that says at a place what is wrong, instead of failing; it gives a dict of components and values."""

    @functools.wraps(handler)
    def run(*given: Any) -> Any:
        try:
            return handler(*given) or {place: gr.skip()}
        except VolantError as error:
            return {place: note(str(error), good=False)}

    return run


def chosen(now: str | None, names: list[str]) -> Any:
    """A field with these choices; what was chosen stays, if it is still there."""
    return gr.Dropdown(choices=names, value=now if now in names else next(iter(names), None))
