"""The tab Deploy: the best version by a metric, the deployments, the versions that wait for approval, the log."""

from typing import Any
from urllib.parse import quote

import gradio as gr

from volant.errors import VolantError
from volant.service.ui import flywheels
from volant.service.ui.actions import Actions
from volant.service.ui.api import Caller
from volant.service.ui.markup import note
from volant.service.ui.page import PRIVATE, Page, explained
from volant.service.ui.tabs.approval import ApprovalQueue
from volant.service.ui.tabs.context import TabContext
from volant.service.ui.tabs.manage import DeploymentManager


def add(page: Page, tab: gr.Tab) -> None:
    """Add the tab's components and their handlers."""
    gr.HTML("<p>What changes the service needs the admin token, in the field at the top.</p>")
    who = gr.Textbox(label="Your name", info="Kept with what you decide here.", max_lines=1)
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
        self._found = gr.State(None)
        self._best = gr.HTML("", elem_id="best")
        name = gr.Textbox(label="Deploy as", info="The name that clients ask for.", max_lines=1)
        button = gr.Button("Deploy", variant="primary")
        self._said = gr.HTML("", elem_id="deploy-said")
        inputs: Any = [context.opened, flywheel, self._metric, self._page.token]
        look = explained(self.look, self._said)
        choose = explained(self.choose, self._best)
        looked = gr.on([*context.looking, flywheel.change], look, inputs, [self._metric, self._said], **PRIVATE)
        looked.then(choose, inputs, [self._best, self._found], **PRIVATE)
        self._metric.input(choose, inputs, [self._best, self._found], **PRIVATE)
        given = [context.who, name, self._found, self._page.token]
        deploy = gr.on([button.click, name.submit], explained(self.deploy, self._said), given, self._said, **PRIVATE)
        self._page.changes.append(deploy)

    def look(self, opened: bool, flywheel: str | None, now: str | None, token: str, request: gr.Request) -> Any:
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
        return {self._metric: gr.Dropdown(choices=names, value=now or next(iter(names), None)), self._said: ""}

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
            return {self._best: "", self._found: None}
        self._page.admin(token, request)
        with flywheels.opened() as asked:
            found = asked.best(flywheel, metric)
        version = found.version and (flywheel, found.version.number)
        return {self._best: note(_told(flywheel, found), bool(version)), self._found: version}

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
        asked = self._page.admin(token, request)
        to = name.strip()
        if it is None or not to:
            raise VolantError("Choose a flywheel and a metric." if it is None else "Fill in 'Deploy as'.")
        (flywheel, version), api = it, self._page.api
        there = any((one["name"], one["flywheel"]) == (to, flywheel) for one in self._page.deployed(asked))
        call = ("PATCH", f"/deployments/{quote(to, safe='')}") if there else ("POST", "/deployments")
        body = {"version": version} if there else {"name": to, "flywheel": flywheel, "version": version}
        what = f"deploy {flywheel} version {version} as {to}"
        self._context.actions.did(who, what, lambda: api.ask(asked, *call, json=body))
        return {self._said: note(f"{to} answers now, with version {version} of {flywheel}.")}


def _told(flywheel: str, found: Any) -> str:
    version = found.version
    if version is None:
        return f"No version of {flywheel} has {found.metric}."
    now = ", ".join([version.status, *version.aliases])
    text = f"Version {version.number} of {flywheel} is the best by {found.metric}: {found.value:.4f} ({now})."
    if found.run_id:
        text += f" The run {found.run_name} is better with {found.run_value:.4f}, and became no version."
    return text


def _log(context: TabContext, who: Caller) -> str:
    return context.actions.html() if who.token and context.page.is_admin(who) else ""
