"""The deployments, and the changes to them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import gradio as gr

from volant.errors import VolantError
from volant.service.ui.markup import note, table
from volant.service.ui.page import PRIVATE, showing_errors

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
    "Follow champion": lambda name, _: (
        f"let {name} follow the champion",
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
        self._page.shown.append((gr.HTML("", elem_id="deployed"), lambda models, _: _table(models)))
        with gr.Row():
            deployment = gr.Dropdown([], label="Deployment", interactive=True)
            new = gr.Textbox(label="New name", max_lines=1)
        self._page.models.append(deployment)
        with gr.Row():
            buttons = {name: gr.Button(name, min_width=120) for name in list(CHANGES)[:3]}
            remove = gr.Button("Remove", min_width=120)
        with gr.Row(visible=False) as self._confirmation:
            buttons["Yes, remove it"] = gr.Button("Yes, remove it", variant="stop")
            keep = gr.Button("Keep it")
        self._message = gr.HTML("", elem_id="manage-message")
        inputs = [context.who, deployment, new, self._page.token]
        outputs = [self._message, self._confirmation]
        for name, button in buttons.items():
            handler = showing_errors(self._handler(CHANGES[name]), self._message)
            self._page.changes.append(button.click(handler, inputs, outputs, **PRIVATE))
        remove.click(lambda: gr.Row(visible=True), None, self._confirmation, **PRIVATE)
        keep.click(lambda: gr.Row(visible=False), None, self._confirmation, **PRIVATE)

    def _handler(self, change: Change) -> Callable[..., Any]:
        def handle(who: str, name: str | None, to: str, token: str, request: gr.Request) -> Any:
            admin = self._page.admin(token, request)
            if not name:
                raise VolantError("Choose a deployment.")
            action, method, path, more = change(name, to.strip())
            call = (admin, method, f"/deployments/{quote(name, safe='')}{path}")
            self._context.actions.run(who, action, lambda: self._page.api.ask(*call, **more))
            return {self._message: note(f"Done: {action}."), self._confirmation: gr.Row(visible=False)}

        return handle


def _table(models: list[dict[str, Any]]) -> str:
    heads = ["Name", "Flywheel", "Version", "Follows", "Since (UTC)", "State"]
    rows = [
        [
            model["name"],
            model["flywheel"],
            model["version"],
            _followed(model),
            (model["since"] or "").replace("T", " ")[:16],
            model["error"] or ("ready" if model["ready"] else "loading"),
        ]
        for model in models
    ]
    return table("Deployed models", heads, rows)


def _followed(model: dict[str, Any]) -> str:
    if model["follow"]:
        return "champion"
    return f"pinned to {model['pinned']}" if model["pinned"] else ""
