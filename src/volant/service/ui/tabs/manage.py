"""The deployments, and the changes to them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import gradio as gr

from volant.errors import VolantError
from volant.service.ui.markup import note, table
from volant.service.ui.page import PRIVATE, explained

if TYPE_CHECKING:
    from volant.service.ui.tabs.context import TabContext

# functions of a name and a new one: description of the change, and the call of the API
Change = Callable[[str, str], tuple[str, str, str, dict[str, Any]]]


def _rename(name: str, to: str) -> tuple[str, str, str, dict[str, Any]]:
    if not to:
        raise VolantError("Fill in 'New name'.")
    return f"rename {name} to {to}", "PATCH", "", {"json": {"name": to}}


CHANGES: dict[str, Change] = {
    "Rename": _rename,
    "Follow active": lambda name, _: (
        f"let {name} follow the active version",
        "PATCH",
        "",
        {"json": {"follow": "champion"}},
    ),
    "Roll back": lambda name, _: (f"roll {name} back", "POST", "/rollback", {}),
    "Yes, remove it": lambda name, _: (f"remove {name}", "DELETE", "", {}),
}


class DeploymentManager:
    """The part of the tab Deploy that shows and changes the deployments.

    Args:
        context: Shared state of the tab.
    """

    def __init__(self, context: "TabContext") -> None:
        self._context = context
        self._page = context.page
        gr.HTML("<h2>Deployed</h2>")
        self._page.shown.append((gr.HTML("", elem_id="deployed"), lambda found, _: _table(found)))
        with gr.Row():
            one = gr.Dropdown([], label="Deployment", interactive=True)
            new = gr.Textbox(label="New name", max_lines=1)
        self._page.models.append(one)
        with gr.Row():
            buttons = {name: gr.Button(name, min_width=120) for name in list(CHANGES)[:3]}
            remove = gr.Button("Remove", min_width=120)
        with gr.Row(visible=False) as self._sure:
            buttons["Yes, remove it"], keep = gr.Button("Yes, remove it", variant="stop"), gr.Button("Keep it")
        self._said = gr.HTML("", elem_id="manage-said")
        given = [context.who, one, new, self._page.token]
        told = [self._said, self._sure]
        for name, button in buttons.items():
            handler = explained(self._changing(CHANGES[name]), self._said)
            self._page.changes.append(button.click(handler, given, told, **PRIVATE))
        remove.click(lambda: gr.Row(visible=True), None, self._sure, **PRIVATE)
        keep.click(lambda: gr.Row(visible=False), None, self._sure, **PRIVATE)

    def _changing(self, change: Change) -> Callable[..., Any]:
        def do(who: str, name: str | None, to: str, token: str, request: gr.Request) -> Any:
            asked = self._page.admin(token, request)
            if not name:
                raise VolantError("Choose a deployment.")
            what, method, path, more = change(name, to.strip())
            call = (asked, method, f"/deployments/{quote(name, safe='')}{path}")
            self._context.actions.did(who, what, lambda: self._page.api.ask(*call, **more))
            return {self._said: note(f"Done: {what}."), self._sure: gr.Row(visible=False)}

        return do


def _table(found: list[dict[str, Any]]) -> str:
    heads = ["Name", "Flywheel", "Version", "Follows", "Since (UTC)", "State"]
    rows = [
        [
            model["name"],
            model["flywheel"],
            model["version"],
            "the active version" if model["follow"] else f"pinned to {model['pinned']}" if model["pinned"] else "",
            (model["since"] or "").replace("T", " ")[:16],
            model["error"] or ("ready" if model["ready"] else "loading"),
        ]
        for model in found
    ]
    return table("Deployed models", heads, rows)
