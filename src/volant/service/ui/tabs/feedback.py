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
from volant.service.ui.page import PRIVATE, Page, explained
from volant.service.ui.tabs.row_actions import RowMessage, teller

WAITING = "quarantined"
STATUSES = [("waiting for review", WAITING), ("accepted", "accepted"), ("rejected", "rejected")]
MOST = 100  # maximum number of items shown


def add(page: Page, tab: gr.Tab) -> None:
    """Add the tab's components and their handlers."""
    gr.HTML("<p>A model learns from feedback only after somebody accepted it. This needs the admin token.</p>")
    with gr.Row():
        flywheel = page.flywheel()
        status = gr.Dropdown(STATUSES, value=WAITING, label="Feedback that is", interactive=True)
    refresh = gr.Button("Refresh", size="sm")
    said = gr.HTML("", elem_id="feedback-said")
    items = gr.HTML("", elem_id="feedback", js_on_load=style.rows_js(), server_functions=[_teller(page)])

    def show(wheel: str | None, state: str, models: dict[str, Any], token: str, request: gr.Request) -> dict[Any, Any]:
        if not wheel:
            raise VolantError("Choose a flywheel.")
        asked = {"flywheel": wheel, "status": state, "limit": MOST}
        found = page.api.ask(page.who(token, request), "GET", "/feedback", params=asked)
        text = f"The newest {MOST}." if len(found) == MOST else f"{len(found)} of {wheel}."
        return {said: note(text), items: _shown(wheel, found, _labels(wheel, models))}

    inputs = [flywheel, status, page.known, page.token]
    gr.on(
        [tab.select, refresh.click, flywheel.input, status.input, page.token.submit],
        explained(show, said),
        inputs,
        [said, items],
        **PRIVATE,
    )


def _labels(flywheel: str, models: dict[str, Any]) -> tuple[list[str], bool]:
    """Return the labels of a flywheel, and True if a text may have several."""
    model = next((one for one in models.values() if one["flywheel"] == flywheel and one["labels"]), None)
    return (model["labels"], not KINDS[model["kind"]].exclusive) if model else ([], False)


def _shown(flywheel: str, found: list[dict[str, Any]], known: tuple[list[str], bool]) -> str:
    labels, several = known
    about = f'data-about="{escape(flywheel)}" data-several="{int(several)}" data-labels="{escape(json.dumps(labels))}"'
    rows = "".join(_row(number, item) for number, item in enumerate(found, 1))
    return f'<ol class="rows" aria-label="Feedback" {about}>{rows}</ol>' if rows else "<p>Nothing here.</p>"


def _row(number: int, item: dict[str, Any]) -> str:
    right = ", ".join(item["labels"]) if item["labels"] is not None else "not said"
    facts = [
        f"Right label: {right or 'none holds'}",
        f"{item['model']} said: {', '.join(item['predicted'] or []) or 'not known'}",
        f"{item['status']}{' by ' + item['by'] if item['by'] else ''}",
        item["time"][:16].replace("T", " "),
        *item["reasons"],
        *([f"Comment: {item['comment']}"] if item["comment"] else []),
    ]
    lines = "".join(f"<p class='facts'>{escape(fact)}</p>" for fact in facts)
    buttons = _buttons(number, item) if not item["dataset"] else f"<p>In the dataset {escape(item['dataset'])}.</p>"
    text = escape(item["text"] or "(its text is looked for among the captures)")
    return (
        f'<li data-id="{escape(item["id"])}"><p class="text">{text}</p>{lines}<div class="say">{buttons}</div>'
        '<p class="told" role="status"></p></li>'
    )


def _buttons(number: int, item: dict[str, Any]) -> str:
    accept = f'<button type="button" data-send="accept" aria-label="Accept {number}">Accept</button>'
    correct = (
        f'<button type="button" data-ask="accept" aria-expanded="false" aria-label="Correct {number}">'
        "Correct and accept</button>"
    )
    reject = f'<button type="button" data-send="reject" aria-label="Reject {number}">Reject</button>'
    known = item["labels"] is not None and item["status"] != "accepted"
    return (accept if known else "") + correct + (reject if item["status"] != "rejected" else "")


def _teller(page: Page) -> Any:
    def send(who: Caller, word: RowMessage) -> str:
        body: dict[str, Any] = {"flywheel": word.about, "ids": [word.id], "decision": word.say}
        if word.labels is not None:
            body["labels"] = word.labels
        page.api.ask(who, "POST", "/feedback/review", json=body)
        return "Accepted." if word.say == "accept" else "Rejected."

    return teller(page, send)
