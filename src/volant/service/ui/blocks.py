"""The page of the web UI: a header with the token, and a tab for each task."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from volant.errors import VolantError
from volant.service.settings import Settings
from volant.service.ui import flywheels as registry
from volant.service.ui.api import Api
from volant.service.ui.markup import note
from volant.service.ui.page import PRIVATE, Page, dropdown
from volant.service.ui.tabs import batch, deploy, feedback, predict, versions

TABS: dict[str, Callable[[Page, gr.Tab], None]] = {
    "Try": predict.add,
    "Batch": batch.add,
    "Deploy": deploy.add,
    "Versions": versions.add,
    "Feedback": feedback.add,
}
PACKAGED = ("Try", "Batch", "Feedback")  # tabs that need no registry


def build(address: str, settings: Settings, packaged: bool, **more: Any) -> gr.Blocks:
    """Return the page as Gradio blocks.

    Args:
        address: Address of the service.
        settings: Settings of the service.
        packaged: True if there is no registry.
        more: Further arguments of `gr.Blocks`.
    """
    with gr.Blocks(title="Volant", analytics_enabled=False, **more) as blocks:
        with gr.Row(equal_height=True):
            gr.HTML("<h1>Volant</h1><p>Deployed models.</p>")
            token = gr.Textbox(
                type="password",
                label="Token",
                info="If the service requires one. It is stored only in this page.",
                elem_id="token",
            )
        trouble = gr.HTML("", elem_id="trouble")
        page = Page(Api(address), settings, token, packaged, gr.State({}))
        for name, add in TABS.items():
            if not packaged or name in PACKAGED:
                with gr.Tab(name) as tab:
                    add(page, tab)
        _refreshing(page, blocks, trouble)
    return blocks


def _refreshing(page: Page, blocks: gr.Blocks, trouble: gr.HTML) -> None:
    """Reload the deployments when the page is loaded, the token changes, and after each change."""
    fields = [*page.models, *page.flywheels]
    places = [place for place, _ in page.shown]

    def refresh(token: str, request: gr.Request, *now: str | None) -> Any:
        who = page.who(token, request)
        problem = ""
        try:
            deployed = page.deployed(who)
        except VolantError as error:
            deployed = []
            problem = note(str(error), good=False)
        if who.token and not page.packaged:
            registry.prepare()
        models = {model["name"]: model for model in deployed}
        names = list(models)
        flywheels = [] if problem else page.flywheel_names(models)
        choices = [names] * len(page.models) + [flywheels] * len(page.flywheels)
        values = [dropdown(value, allowed) for value, allowed in zip(now, choices, strict=True)]
        return [models, problem, *values, *(show(deployed, who) for _, show in page.shown)]

    event: Any = {
        "inputs": [page.token, *fields],
        "outputs": [page.deployments, trouble, *fields, *places],
        **PRIVATE,
        "show_progress": "hidden",
    }
    gr.on([blocks.load, page.token.submit, page.token.blur], refresh, **event)
    for change in page.changes:
        change.then(refresh, **event)
