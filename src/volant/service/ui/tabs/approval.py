"""Versions that wait for approval, with the gate report; a person approves or rejects them."""

from typing import TYPE_CHECKING, Any

import gradio as gr

from volant.errors import VolantError
from volant.service.ui import flywheels as registry
from volant.service.ui.markup import note, number, table
from volant.service.ui.page import PRIVATE, chosen, explained

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
        gr.HTML("<h2>Waiting for approval</h2>")
        self._one = gr.Dropdown([], label="Waiting version", interactive=True)
        self._report = gr.HTML("", elem_id="gate")
        self._note = gr.Textbox(label="Note", info="Why; kept for good.", max_lines=3)
        active = gr.Checkbox(label="Make it the active version too", value=False)
        with gr.Row():
            buttons = {True: gr.Button("Approve"), False: gr.Button("Reject")}
        self._said = gr.HTML("", elem_id="approve-said")
        token = self._page.token
        look = explained(self.look, self._said)
        inputs: Any = [context.opened, self._one, self._page.known, token]
        gr.on(context.looking, look, inputs, [self._one, self._said], **PRIVATE)
        self._one.change(explained(self.show, self._report), [self._one, token], self._report, **PRIVATE)
        for approve, button in buttons.items():
            decide = self.approve if approve else self.reject
            given = [context.who, self._one, self._note, active, token]
            told = [self._said, self._note]
            done = button.click(explained(decide, self._said), given, told, **PRIVATE)
            self._page.changes.append(done)
            done.then(look, inputs, [self._one, self._said], **PRIVATE)

    def look(self, opened: bool, now: str | None, known: dict[str, Any], token: str, request: gr.Request) -> Any:
        """Load the versions that wait for approval.

        Args:
            opened: True once the tab was opened.
            now: Version that is chosen now.
            known: Deployed models by name.
            token: Token that was typed.
            request: Request of the browser.
        """
        if not opened:
            return {}
        self._page.admin(token, request)
        flywheels = self._page.of(known)
        with registry.opened() as found:
            every = [version for flywheel in flywheels for version in found.versions(flywheel)]
        names = [f"{version.flywheel} version {version.number}" for version in every if version.status == "pending"]
        return {self._one: chosen(now, names)}

    def show(self, it: str | None, token: str, request: gr.Request) -> Any:
        """Show the gate report of a version.

        Args:
            it: Flywheel and version.
            token: Token that was typed.
            request: Request of the browser.
        """
        if not it:
            return {self._report: "<p>No version waits.</p>"}
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
        what = f"approve {it}" + (" and make it active" if promote else "")

        def do() -> None:
            with registry.opened() as found:
                found.approve(flywheel, counted, why, by=who.strip())
                if promote:
                    found.promote(flywheel, counted, by=who.strip())

        self._context.actions.did(who, what, do)
        return {self._said: note(f"Done: {what}."), self._note: ""}

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

        def do() -> None:
            with registry.opened() as found:
                found.reject(flywheel, counted, why, by=who.strip())

        self._context.actions.did(who, f"reject {it}", do)
        return {self._said: note(f"Done: reject {it}."), self._note: ""}

    def _ready(self, who: str, it: str | None, token: str, request: gr.Request) -> None:
        if not it or not who.strip():
            raise VolantError("Fill in 'Your name': it is kept with the decision." if it else "No version waits.")
        self._page.admin(token, request)


def _parsed(it: str) -> tuple[str, int]:
    flywheel, _, counted = it.rpartition(" version ")
    if not counted.isdecimal():
        raise VolantError(f"'{it[:100]}' is no version. Choose one of the list.")
    return flywheel, int(counted)


def _report(flywheel: str, counted: int) -> str:
    with registry.opened() as found:
        version = found.get(flywheel, counted)
        gate = found.record(flywheel, counted).gate
    figures = ", ".join(f"{name} {number(value)}" for name, value in version.metrics.items())
    about = note(f"{flywheel} version {counted}, registered by {version.by}: {figures}.")
    if gate is None:
        return about + note("The gate was not asked about this version.", good=False)
    rows = [
        [row["name"], _value(row["value"]), row["bound"], "yes" if row["passed"] else "no", row["note"]]
        for row in gate["conditions"]
    ]
    undecided = gate.get("outcome") == "waits"
    failed = "Gate: not decided; a person has to." if undecided else "Gate: failed"
    verdict = note("Gate: passed" if gate["passed"] else failed, gate["passed"])
    return about + verdict + table("Gate report", ["Condition", "Value", "Asked", "Met", "Note"], rows)


def _value(value: Any) -> str:
    return number(value) if isinstance(value, float) else "" if value is None else str(value)
