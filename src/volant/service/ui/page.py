"""What the tabs of a page share: the API, the token, the lists of what is deployed."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from volant.errors import VolantError
from volant.service.settings import Settings
from volant.service.ui.api import Api, Caller, caller
from volant.service.ui.markup import note


@dataclass
class Page:
    """One page, while it is built.

    Attributes:
        api: The service.
        settings: Its limits.
        token: The field at the top.
        known: What GET /models said last, by name; of each session.
        models: Fields that choose a deployed model.
        flywheels: Fields that choose a flywheel.
        shown: Called with what is deployed whenever that was asked for, for a component each.
        changes: Events after which what is deployed is asked for again.
    """

    api: Api
    settings: Settings
    token: gr.Textbox
    known: gr.State
    models: list[gr.Dropdown] = field(default_factory=list)
    flywheels: list[gr.Dropdown] = field(default_factory=list)
    shown: list[tuple[Any, Callable[[list[dict[str, Any]]], Any]]] = field(default_factory=list)
    changes: list[Any] = field(default_factory=list)

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


def explained(place: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A handler that says at a place what is wrong, instead of failing; it gives a dict of components and values."""

    def decorate(handler: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(handler)
        def run(*given: Any) -> Any:
            try:
                return handler(*given)
            except VolantError as error:
                return {place: note(str(error), good=False)}

        return run

    return decorate


def chosen(now: str | None, names: list[str]) -> Any:
    """A field with these choices; what was chosen stays, if it is still there."""
    return gr.Dropdown(choices=names, value=now if now in names else next(iter(names), None))


__all__ = ["Page", "caller", "chosen", "explained"]
