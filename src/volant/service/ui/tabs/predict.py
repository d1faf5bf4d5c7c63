"""The tab Try: enter texts, see predictions, give feedback on each."""

import json
from html import escape
from itertools import chain
from typing import Any

import gradio as gr

from volant.errors import VolantError
from volant.service.ui import style
from volant.service.ui.api import Caller
from volant.service.ui.markup import bars, note
from volant.service.ui.page import PRIVATE, Page, showing_errors
from volant.service.ui.parts import choices, columns_of, details, gold_json, marked, overlapping
from volant.service.ui.tabs.row_actions import RowMessage, submitter

SCORES = 5  # number of labels with scores for each prediction
# SVG, as not every machine has a font for them
THUMB = "M2 10h3v11H2zM7 20V10l4-8c1.5.3 2.3 1.2 2 2.6L12.2 9H20c1.2 0 1.8.9 1.6 2l-1.7 8c-.2 1.2-1 2-2.2 2H10z"
UP = f'<svg viewBox="0 0 24 24" aria-hidden="true"><path d="{THUMB}"/></svg>'
DOWN = UP.replace("<path", '<path transform="rotate(180 12 12)"')


def add(page: Page, _: gr.Tab) -> None:
    """Add the tab's components and their handlers."""
    with gr.Row():
        with gr.Column(scale=2):
            model = page.model()
            # full height from the start: Gradio lays out a growing field in quadratic time, 40 s for 500 lines
            texts = gr.Textbox(label="Texts, one per line", lines=8, max_lines=8, elem_id="texts")
            button = gr.Button("Predict", variant="primary")
        with gr.Column(scale=3):
            limit = f"Up to {page.settings.limits.texts_per_request:,} texts at a time."
            message = gr.HTML(note(limit), elem_id="message")
            answers = gr.HTML("", elem_id="answers", js_on_load=style.rows_js(), server_functions=[_submitter(page)])

    def predict(name: str | None, lines: str, models: dict[str, Any], token: str, request: gr.Request) -> Any:
        inputs = [line for line in lines.splitlines() if line.strip()]
        if not name or not inputs:
            raise VolantError("Enter at least one text, each on its own line." if name else "Choose a model.")
        body = {"texts": inputs, "model": name, "top_k": SCORES}
        response = page.api.ask(page.who(token, request), "POST", "/predict", json=body)
        count = f"{len(inputs):,} {'text' if len(inputs) == 1 else 'texts'}"
        done = note(f"{count}, predicted by {name}, version {response['version']}.")
        return {message: done, answers: rows(inputs, response, models.get(name) or {})}

    gr.on(
        [button.click, texts.submit],
        showing_errors(predict, message),
        [model, texts, page.deployments, page.token],
        [message, answers],
        **PRIVATE,
    )


def rows(texts: list[str], response: dict[str, Any], model: dict[str, Any]) -> str:
    """Return the predictions as HTML, with buttons for feedback.

    Args:
        texts: Texts (N).
        response: Response of POST /predict, with N predictions.
        model: Deployed model, as GET /models shows it.
    """
    predictions = response["predictions"]
    labels = model.get("labels") or sorted(set(chain.from_iterable(row["scores"] for row in predictions)))
    columns = columns_of(predictions[0]) if predictions else []
    several = any("labels" in row for row in predictions)
    pairs = enumerate(zip(texts, predictions, strict=True), 1)
    show = _parts_row if columns else _row
    items = [show(number, text, row, labels) for number, (text, row) in pairs]
    data = f'data-about="{escape(response["model"])}" data-several="{int(several)}"'
    choice = f'data-labels="{escape(json.dumps(choices(labels) if columns else labels))}"'
    if columns:
        choice += f' data-columns="{escape(json.dumps(columns))}"'
    return f'<ol class="rows" aria-label="Predictions" {data} {choice}>{"".join(items)}</ol>'


def _row(number: int, text: str, row: dict[str, Any], labels: list[str]) -> str:
    chosen = row["labels"] if "labels" in row else [row["label"]]
    none = "" if chosen else '<p class="facts">No label.</p>'
    answer = none + bars(row["scores"], labels, chosen)
    return _item(number, row["id"], escape(text), answer, f'data-labels="{escape(json.dumps(chosen))}"')


def _parts_row(number: int, text: str, row: dict[str, Any], labels: list[str]) -> str:
    spans = row.get("spans", [])
    names = choices(labels)
    shown = escape(text) if overlapping(spans) else marked(text, spans, names["spans"])
    answer = details(text, row)
    if "label" in row:
        scores = {label: row["scores"][label] for label in row["scores"] if label in names["label"]}
        answer = bars(scores or {row["label"]: row["score"]}, names["label"], [row["label"]]) + answer
    return _item(number, row["id"], shown, answer, f'data-gold="{gold_json(row, columns_of(row))}"')


def _item(number: int, identity: str, shown: str, answer: str, right: str) -> str:
    """Return one prediction with its buttons.

    Args:
        number: Number of the text.
        identity: Id of the prediction.
        shown: HTML of the text.
        answer: HTML of the prediction.
        right: Attribute with the prediction, which the button Correct sends.
    """
    return (
        f'<li data-id="{escape(identity)}"><p class="text">{shown}</p>{answer}'
        f'<div class="say"><button type="button" data-send="right" {right} '
        f'aria-label="Correct: text {number}">{UP} Correct</button>'
        f'<button type="button" data-ask="wrong" data-unsure="1" aria-expanded="false" '
        f'aria-label="Wrong: text {number}">{DOWN} Wrong</button></div><p class="reply" role="status"></p></li>'
    )


def _submitter(page: Page) -> Any:
    def send(who: Caller, message: RowMessage) -> str:
        # with the text, as another worker than the one that predicted may receive it
        body: dict[str, Any] = {"id": message.id, "model": message.about, "text": message.text}
        body["correct"] = message.say == "right"
        body |= message.correction
        page.api.ask(who, "POST", "/feedback", json=body)
        return "Thank you: your feedback is stored, and will be reviewed."

    return submitter(page, send)
