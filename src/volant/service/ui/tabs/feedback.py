"""The tab Feedback: an admin accepts, corrects or rejects the feedback of users."""

import json
from dataclasses import dataclass, field
from html import escape
from typing import Any

import gradio as gr

from volant.errors import VolantError
from volant.kinds import KINDS, kind_of_row
from volant.kinds.answers import phrases, read_row
from volant.service.ui import style
from volant.service.ui.api import Caller
from volant.service.ui.markup import note
from volant.service.ui.page import PRIVATE, Page, showing_errors
from volant.service.ui.parts import choices, columns_of, gold_json, marked, overlapping
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
        return {message: note(text), items: _list(wheel, feedback, _choice(wheel, models))}

    inputs = [flywheel, status, page.deployments, page.token]
    gr.on(
        [tab.select, refresh.click, flywheel.input, status.input, page.token.submit],
        showing_errors(show, message),
        inputs,
        [message, items],
        **PRIVATE,
    )


@dataclass(frozen=True)
class Choice:
    """The labels of a flywheel, whether a text may have several, and the columns of a kind of parts."""

    labels: list[str] = field(default_factory=list)
    several: bool = False
    columns: list[str] = field(default_factory=list)

    @property
    def attributes(self) -> str:
        """The attributes of HTML that the buttons read."""
        labels = choices(self.labels) if self.columns else self.labels
        columns = f' data-columns="{escape(json.dumps(self.columns))}"' if self.columns else ""
        return f'data-several="{int(self.several)}" data-labels="{escape(json.dumps(labels))}"{columns}'


def _choice(flywheel: str, models: dict[str, Any]) -> Choice:
    model = next((model for model in models.values() if model["flywheel"] == flywheel and model["labels"]), None)
    if model is None:
        return Choice()
    kind = KINDS[model["kind"]]
    return Choice(model["labels"], not kind.exclusive, columns_of(dict.fromkeys(kind.columns)))


def _list(flywheel: str, items: list[dict[str, Any]], choice: Choice) -> str:
    rows = "".join(_row(number, item, choice) for number, item in enumerate(items, 1))
    about = f'data-about="{escape(flywheel)}"'
    if not rows:
        return "<p>No feedback.</p>"
    return f'<ol class="rows" aria-label="Feedback" {about} {choice.attributes}>{rows}</ol>'


def _row(number: int, item: dict[str, Any], choice: Choice) -> str:
    facts = [
        f"Correct: {_words(item, 'gold', 'not given')}",
        f"{item['model']} predicted: {_words(item, 'prediction', 'unknown')}",
        f"{item['status']}{' by ' + item['by'] if item['by'] else ''}",
        item["time"][:16].replace("T", " "),
        *item["reasons"],
        *([f"Comment: {item['comment']}"] if item["comment"] else []),
    ]
    lines = "".join(f"<p class='facts'>{escape(fact)}</p>" for fact in facts)
    buttons = _buttons(number, item) if not item["dataset"] else f"<p>In the dataset {escape(item['dataset'])}.</p>"
    gold = item["gold"] or item["prediction"] or {}
    known = f' data-gold="{gold_json(gold, choice.columns)}"' if choice.columns else ""
    return (
        f'<li data-id="{escape(item["id"])}"{known}><p class="text">{_text(item, gold, choice)}</p>{lines}'
        f'<div class="say">{buttons}</div><p class="reply" role="status"></p></li>'
    )


def _text(item: dict[str, Any], gold: dict[str, Any], choice: Choice) -> str:
    """Return the text of an item as HTML, with the correct spans marked."""
    if item["text"] is None:
        return "(unknown text; the captures are searched at the review)"
    spans = gold.get("spans", [])
    if overlapping(spans):
        return escape(item["text"])
    return marked(item["text"], spans, choices(choice.labels)["spans"])


def _words(item: dict[str, Any], name: str, unknown: str) -> str:
    """Return the correct or the predicted columns of an item in words."""
    columns = item[name]
    if columns is None:
        return unknown
    annotation = read_row(kind_of_row(columns), columns)
    return ", ".join(phrases(annotation, item["text"] or "")) or "none"


def _buttons(number: int, item: dict[str, Any]) -> str:
    accept = f'<button type="button" data-send="accept" aria-label="Accept {number}">Accept</button>'
    correct = (
        f'<button type="button" data-ask="accept" aria-expanded="false" aria-label="Correct {number}">'
        "Correct and accept</button>"
    )
    reject = f'<button type="button" data-send="reject" aria-label="Reject {number}">Reject</button>'
    acceptable = item["gold"] is not None and item["status"] != "accepted"
    return (accept if acceptable else "") + correct + (reject if item["status"] != "rejected" else "")


def _submitter(page: Page) -> Any:
    def send(who: Caller, message: RowMessage) -> str:
        body: dict[str, Any] = {"flywheel": message.about, "ids": [message.id], "decision": message.say}
        body |= message.correction
        page.api.ask(who, "POST", "/feedback/review", json=body)
        return "Accepted." if message.say == "accept" else "Rejected."

    return submitter(page, send)
