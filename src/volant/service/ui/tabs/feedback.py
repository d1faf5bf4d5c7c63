"""The tab Feedback: an admin accepts, corrects or rejects the feedback of users."""

import json
from html import escape
from typing import Any

import gradio as gr

from volant.errors import VolantError
from volant.kinds import KINDS
from volant.service.ui import style
from volant.service.ui.api import Caller
from volant.service.ui.markup import note
from volant.service.ui.page import PRIVATE, Page, showing_errors
from volant.service.ui.tabs.row_actions import RowMessage, submitter

WAITING = "quarantined"
STATUSES = [("waiting for review", WAITING), ("accepted", "accepted"), ("rejected", "rejected")]
MOST = 100  # maximum number of items shown


def add(page: Page, tab: gr.Tab) -> None:
    """Add the tab's components and their handlers."""
    gr.HTML("<p>Models are trained on feedback only after it is accepted. This requires the admin token.</p>")
    with gr.Row():
        flywheel = page.flywheel()
        status = gr.Dropdown(STATUSES, value=WAITING, label="Status", interactive=True)
    refresh = gr.Button("Refresh", size="sm")
    message = gr.HTML("", elem_id="feedback-message")
    items = gr.HTML("", elem_id="feedback", js_on_load=style.rows_js(), server_functions=[_submitter(page)])

    def show(wheel: str | None, state: str, models: dict[str, Any], token: str, request: gr.Request) -> dict[Any, Any]:
        if not wheel:
            raise VolantError("Choose a flywheel.")
        query = {"flywheel": wheel, "status": state, "limit": MOST}
        feedback = page.api.ask(page.who(token, request), "GET", "/feedback", params=query)
        text = f"The newest {MOST}." if len(feedback) == MOST else f"{len(feedback)} of {wheel}."
        return {message: note(text), items: _list(wheel, feedback, _labels(wheel, models))}

    inputs = [flywheel, status, page.deployments, page.token]
    gr.on(
        [tab.select, refresh.click, flywheel.input, status.input, page.token.submit],
        showing_errors(show, message),
        inputs,
        [message, items],
        **PRIVATE,
    )


def _labels(flywheel: str, models: dict[str, Any]) -> tuple[list[str], bool]:
    """Return the labels of a flywheel, and True if a text may have several."""
    model = next((model for model in models.values() if model["flywheel"] == flywheel and model["labels"]), None)
    return (model["labels"], not KINDS[model["kind"]].exclusive) if model else ([], False)


def _list(flywheel: str, items: list[dict[str, Any]], choice: tuple[list[str], bool]) -> str:
    labels, several = choice
    data = f'data-about="{escape(flywheel)}" data-several="{int(several)}" data-labels="{escape(json.dumps(labels))}"'
    rows = "".join(_row(number, item) for number, item in enumerate(items, 1))
    return f'<ol class="rows" aria-label="Feedback" {data}>{rows}</ol>' if rows else "<p>No feedback.</p>"


def _row(number: int, item: dict[str, Any]) -> str:
    correct = ", ".join(item["labels"]) if item["labels"] is not None else "not given"
    facts = [
        f"Correct label: {correct or 'none'}",
        f"{item['model']} predicted: {', '.join(item['predicted'] or []) or 'unknown'}",
        f"{item['status']}{' by ' + item['by'] if item['by'] else ''}",
        item["time"][:16].replace("T", " "),
        *item["reasons"],
        *([f"Comment: {item['comment']}"] if item["comment"] else []),
    ]
    lines = "".join(f"<p class='facts'>{escape(fact)}</p>" for fact in facts)
    buttons = _buttons(number, item) if not item["dataset"] else f"<p>In the dataset {escape(item['dataset'])}.</p>"
    text = escape(item["text"] or "(unknown text; the captures are searched at the review)")
    return (
        f'<li data-id="{escape(item["id"])}"><p class="text">{text}</p>{lines}<div class="say">{buttons}</div>'
        '<p class="reply" role="status"></p></li>'
    )


def _buttons(number: int, item: dict[str, Any]) -> str:
    accept = f'<button type="button" data-send="accept" aria-label="Accept {number}">Accept</button>'
    correct = (
        f'<button type="button" data-ask="accept" aria-expanded="false" aria-label="Correct {number}">'
        "Correct and accept</button>"
    )
    reject = f'<button type="button" data-send="reject" aria-label="Reject {number}">Reject</button>'
    acceptable = item["labels"] is not None and item["status"] != "accepted"
    return (accept if acceptable else "") + correct + (reject if item["status"] != "rejected" else "")


def _submitter(page: Page) -> Any:
    def send(who: Caller, message: RowMessage) -> str:
        body: dict[str, Any] = {"flywheel": message.about, "ids": [message.id], "decision": message.say}
        if message.labels is not None:
            body["labels"] = message.labels
        page.api.ask(who, "POST", "/feedback/review", json=body)
        return "Accepted." if message.say == "accept" else "Rejected."

    return submitter(page, send)
