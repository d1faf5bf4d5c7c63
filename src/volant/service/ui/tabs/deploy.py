"""The tab Deploy: the best version by a metric, the deployments, the pending versions, the log of actions."""

from typing import Any
from urllib.parse import quote

import gradio as gr

from volant.errors import VolantError
from volant.service.ui import flywheels
from volant.service.ui.actions import Actions
from volant.service.ui.api import Caller
from volant.service.ui.markup import note
from volant.service.ui.page import PRIVATE, Page, showing_errors
from volant.service.ui.tabs.approval import ApprovalQueue
from volant.service.ui.tabs.context import TabContext
from volant.service.ui.tabs.manage import DeploymentManager


def add(page: Page, tab: gr.Tab) -> None:
    """Add the tab's components and their handlers."""
    gr.HTML("<p>Changes to the service require the admin token, in the field at the top.</p>")
    who = gr.Textbox(label="Your name", info="Stored with your decisions.", max_lines=1)
    opened = gr.State(False)
    refresh = gr.Button("Refresh", size="sm")
    context = TabContext(page, Actions(flywheels.ROOT), who, opened, [opened.change, refresh.click, page.token.submit])
    tab.select(lambda: True, None, opened, **PRIVATE)
    BestVersion(context)
    DeploymentManager(context)
    ApprovalQueue(context)
    page.shown.append((gr.HTML("", elem_id="actions"), lambda _, who: _log(context, who)))
    page.changes.append(refresh.click(lambda: None, **PRIVATE))


class BestVersion:
    """The part that deploys the best version of a flywheel.

    Args:
        context: Shared state of the tab.
    """

    def __init__(self, context: TabContext) -> None:
        self._context = context
        self._page = context.page
        gr.HTML("<h2>Deploy the best version</h2>")
        with gr.Row():
            flywheel = self._page.flywheel()
            self._metric = gr.Dropdown([], label="Metric", interactive=True, allow_custom_value=True)
        self._version = gr.State(None)
        self._best = gr.HTML("", elem_id="best")
        name = gr.Textbox(label="Deploy as", info="Name of the model for clients.", max_lines=1)
        button = gr.Button("Deploy", variant="primary")
        self._message = gr.HTML("", elem_id="deploy-message")
        inputs: Any = [context.opened, flywheel, self._metric, self._page.token]
        load = showing_errors(self.load, self._message)
        choose = showing_errors(self.choose, self._best)
        deploy = showing_errors(self.deploy, self._message)
        loading = gr.on([*context.refreshes, flywheel.change], load, inputs, [self._metric, self._message], **PRIVATE)
        loading.then(choose, inputs, [self._best, self._version], **PRIVATE)
        self._metric.input(choose, inputs, [self._best, self._version], **PRIVATE)
        values = [context.who, name, self._version, self._page.token]
        self._page.changes.append(gr.on([button.click, name.submit], deploy, values, self._message, **PRIVATE))

    def load(self, opened: bool, flywheel: str | None, now: str | None, token: str, request: gr.Request) -> Any:
        """Load the metrics of a flywheel's versions.

        Args:
            opened: True once the tab was opened.
            flywheel: Name of the flywheel.
            now: Metric that is chosen now.
            token: Token that was typed.
            request: Request of the browser.
        """
        if not opened:
            return {}
        self._page.admin(token, request)
        names = flywheels.metrics(flywheels.versions(flywheel))
        return {self._metric: gr.Dropdown(choices=names, value=now or next(iter(names), None)), self._message: ""}

    def choose(self, opened: bool, flywheel: str | None, metric: str | None, token: str, request: gr.Request) -> Any:
        """Find the best version by a metric.

        Args:
            opened: True once the tab was opened.
            flywheel: Name of the flywheel.
            metric: Name of the metric.
            token: Token that was typed.
            request: Request of the browser.
        """
        if not (opened and flywheel and metric and token):
            return {self._best: "", self._version: None}
        self._page.admin(token, request)
        with flywheels.opened() as registry:
            best = registry.best(flywheel, metric)
        version = best.version and (flywheel, best.version.number)
        return {self._best: note(_summary(flywheel, best), bool(version)), self._version: version}

    def deploy(self, who: str, name: str, it: tuple[str, int] | None, token: str, request: gr.Request) -> Any:
        """Deploy the best version under a new name, or under one with another version of the same flywheel.

        Args:
            who: Name that the person entered.
            name: Name of the deployment.
            it: Flywheel and number of the best version.
            token: Token that was typed.
            request: Request of the browser.

        Raises:
            VolantError: If no version is found or no name is entered, or the service refuses.
        """
        admin = self._page.admin(token, request)
        to = name.strip()
        if it is None or not to:
            raise VolantError("Choose a flywheel and a metric." if it is None else "Fill in 'Deploy as'.")
        flywheel, version = it
        api = self._page.api
        exists = any((model["name"], model["flywheel"]) == (to, flywheel) for model in self._page.deployed(admin))
        call = ("PATCH", f"/deployments/{quote(to, safe='')}") if exists else ("POST", "/deployments")
        body = {"version": version} if exists else {"name": to, "flywheel": flywheel, "version": version}
        action = f"deploy {flywheel} version {version} as {to}"
        self._context.actions.run(who, action, lambda: api.ask(admin, *call, json=body))
        return {self._message: note(f"{to} now uses version {version} of {flywheel}.")}


def _summary(flywheel: str, best: Any) -> str:
    version = best.version
    if version is None:
        return f"No version of {flywheel} has the metric {best.metric}."
    state = ", ".join([version.status, *version.aliases])
    text = f"Version {version.number} of {flywheel} is the best by {best.metric}: {best.value:.4f} ({state})."
    if best.run_id:
        text += f" The run {best.run_name} is better ({best.run_value:.4f}), but was not registered."
    return text


def _log(context: TabContext, who: Caller) -> str:
    return context.actions.html() if who.token and context.page.is_admin(who) else ""
