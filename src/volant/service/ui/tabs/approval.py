"""Pending versions, with their gate report, to approve or reject."""

from typing import TYPE_CHECKING, Any

import gradio as gr

from volant.errors import VolantError
from volant.service.ui import flywheels as registry
from volant.service.ui.markup import note, number, table
from volant.service.ui.page import PRIVATE, dropdown, showing_errors

if TYPE_CHECKING:
    from volant.service.ui.tabs.context import TabContext


class ApprovalQueue:
    """The part of the tab Deploy that approves and rejects versions.

    Args:
        context: Shared state of the tab.
    """

    def __init__(self, context: "TabContext") -> None:
        self._context = context
        self._page = context.page
        gr.HTML("<h2>Pending approval</h2>")
        self._version = gr.Dropdown([], label="Pending version", interactive=True)
        self._report = gr.HTML("", elem_id="gate")
        self._note = gr.Textbox(label="Note", info="Reason; stored permanently.", max_lines=3)
        promote = gr.Checkbox(label="Promote to champion", value=False)
        with gr.Row():
            buttons = {True: gr.Button("Approve"), False: gr.Button("Reject")}
        self._message = gr.HTML("", elem_id="approve-message")
        token = self._page.token
        load = showing_errors(self.load, self._message)
        inputs: Any = [context.opened, self._version, self._page.deployments, token]
        gr.on(context.refreshes, load, inputs, [self._version, self._message], **PRIVATE)
        self._version.change(showing_errors(self.show, self._report), [self._version, token], self._report, **PRIVATE)
        for approve, button in buttons.items():
            decide = showing_errors(self.approve if approve else self.reject, self._message)
            values = [context.who, self._version, self._note, promote, token]
            decision = button.click(decide, values, [self._message, self._note], **PRIVATE)
            self._page.changes.append(decision)
            decision.then(load, inputs, [self._version, self._message], **PRIVATE)

    def load(self, opened: bool, now: str | None, models: dict[str, Any], token: str, request: gr.Request) -> Any:
        """Load the pending versions.

        Args:
            opened: True once the tab was opened.
            now: Version that is chosen now.
            models: Deployed models by name.
            token: Token that was typed.
            request: Request of the browser.
        """
        if not opened:
            return {}
        self._page.admin(token, request)
        versions = []
        with registry.opened() as existing:
            for flywheel in self._page.flywheel_names(models):
                versions += existing.versions(flywheel)
        names = [f"{version.flywheel} version {version.number}" for version in versions if version.status == "pending"]
        return {self._version: dropdown(now, names)}

    def show(self, it: str | None, token: str, request: gr.Request) -> Any:
        """Show the gate report of a version.

        Args:
            it: Flywheel and version.
            token: Token that was typed.
            request: Request of the browser.
        """
        if not it:
            return {self._report: "<p>No version is pending.</p>"}
        self._page.admin(token, request)
        return {self._report: _report(*_parsed(it))}

    def approve(self, who: str, it: str, why: str, promote: bool, token: str, request: gr.Request) -> Any:
        """Approve a version, so that it can become the champion, or promote it at once.

        Args:
            who: Name that the person entered.
            it: Flywheel and version.
            why: Reason.
            promote: Promote it to champion too.
            token: Token that was typed.
            request: Request of the browser.
        """
        self._ready(who, it, token, request)
        flywheel, counted = _parsed(it)
        action = f"approve {it}" + (" and promote it" if promote else "")

        def approve() -> None:
            with registry.opened() as existing:
                existing.approve(flywheel, counted, why, by=who.strip())
                if promote:
                    existing.promote(flywheel, counted, by=who.strip())

        self._context.actions.run(who, action, approve)
        return {self._message: note(f"Done: {action}."), self._note: ""}

    def reject(self, who: str, it: str, why: str, _: bool, token: str, request: gr.Request) -> Any:
        """Reject a version, so that it can't become the champion.

        Args:
            who: Name that the person entered.
            it: Flywheel and version.
            why: Reason.
            _: Not used.
            token: Token that was typed.
            request: Request of the browser.
        """
        self._ready(who, it, token, request)
        flywheel, counted = _parsed(it)

        def reject() -> None:
            with registry.opened() as existing:
                existing.reject(flywheel, counted, why, by=who.strip())

        self._context.actions.run(who, f"reject {it}", reject)
        return {self._message: note(f"Done: reject {it}."), self._note: ""}

    def _ready(self, who: str, it: str | None, token: str, request: gr.Request) -> None:
        if not it or not who.strip():
            raise VolantError(
                "Fill in 'Your name': it is stored with the decision." if it else "No version is pending."
            )
        self._page.admin(token, request)


def _parsed(it: str) -> tuple[str, int]:
    flywheel, _, counted = it.rpartition(" version ")
    if not counted.isdecimal():
        raise VolantError(f"'{it[:100]}' is not a valid version. Choose one of the list.")
    return flywheel, int(counted)


def _report(flywheel: str, counted: int) -> str:
    with registry.opened() as existing:
        version = existing.get(flywheel, counted)
        gate = existing.record(flywheel, counted).gate
    figures = ", ".join(f"{name} {number(value)}" for name, value in version.metrics.items())
    summary = note(f"{flywheel} version {counted}, registered by {version.by}: {figures}.")
    if gate is None:
        return summary + note("This version was not checked by the gate.", good=False)
    rows = [
        [row["name"], _value(row["value"]), row["bound"], "pass" if row["passed"] else "fail", row["note"]]
        for row in gate["conditions"]
    ]
    undecided = gate.get("outcome") == "waits"
    failed = "Gate: undecided; it requires a manual decision." if undecided else "Gate: failed"
    verdict = note("Gate: passed" if gate["passed"] else failed, gate["passed"])
    return summary + verdict + table("Gate report", ["Condition", "Value", "Required", "Result", "Note"], rows)


def _value(value: Any) -> str:
    if isinstance(value, float):
        return number(value)
    return "" if value is None else str(value)
