"""The tab Try: enter texts, see predictions, give feedback on each."""

import json
from html import escape
from typing import Any

import gradio as gr

from volant.errors import VolantError
from volant.service.ui import style
from volant.service.ui.api import Caller
from volant.service.ui.markup import bars, note
from volant.service.ui.page import Page, explained
from volant.service.ui.tabs.row_actions import RowMessage, teller

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
            texts = gr.Textbox(label="Texts, one a line", lines=8, max_lines=8, elem_id="texts")
            button = gr.Button("Predict", variant="primary")
        with gr.Column(scale=3):
            said = gr.HTML(note(f"Up to {page.settings.limits.texts_per_request:,} texts at a time."), elem_id="said")
            answers = gr.HTML("", elem_id="answers", js_on_load=style.rows_js(), server_functions=[_teller(page)])

    def predict(name: str | None, lines: str, known: dict[str, Any], token: str, request: gr.Request) -> Any:
        given = [line for line in lines.splitlines() if line.strip()]
        if not name or not given:
            missing = "Choose a model." if not name else "Write at least one text, each on a line of its own."
            raise VolantError(missing)
        asked = {"texts": given, "model": name, "top_k": SCORES}
        found = page.api.ask(page.who(token, request), "POST", "/predict", json=asked)
        told = (
            f"{len(given):,} {'text' if len(given) == 1 else 'texts'}, answered by {name}, version {found['version']}."
        )
        return {said: note(told), answers: shown(given, found, known.get(name) or {})}

    told: Any = {
        "inputs": [model, texts, page.known, page.token],
        "outputs": [said, answers],
        "api_visibility": "private",
    }
    gr.on([button.click, texts.submit], explained(predict, said), **told)


def shown(texts: list[str], found: dict[str, Any], model: dict[str, Any]) -> str:
    """Return the predictions as HTML, with buttons for feedback.

    Args:
        texts: Texts (N).
        found: Answer of POST /predict, with N predictions.
        model: Deployed model, as GET /models shows it.
    """
    labels = model.get("labels") or sorted({label for row in found["predictions"] for label in row["scores"]})
    several = any("labels" in row for row in found["predictions"])
    rows = [
        _row(n, text, row, labels) for n, (text, row) in enumerate(zip(texts, found["predictions"], strict=True), 1)
    ]
    about = f'data-about="{escape(found["model"])}" data-several="{int(several)}"'
    choice = f'data-labels="{escape(json.dumps(labels))}"'
    return f'<ol class="rows" aria-label="Answers" {about} {choice}>{"".join(rows)}</ol>'


def _row(number: int, text: str, row: dict[str, Any], labels: list[str]) -> str:
    chosen = row["labels"] if "labels" in row else [row["label"]]
    none = "" if chosen else '<p class="facts">No label holds.</p>'
    scores = bars(row["scores"], labels, chosen)
    return (
        f'<li data-id="{escape(row["id"])}"><p class="text">{escape(text)}</p>{none}{scores}'
        f'<div class="say"><button type="button" data-send="right" data-labels="{escape(json.dumps(chosen))}" '
        f'aria-label="Right: answer {number}">{UP} Right</button>'
        f'<button type="button" data-ask="wrong" data-unsure="1" aria-expanded="false" '
        f'aria-label="Wrong: answer {number}">{DOWN} Wrong</button></div><p class="told" role="status"></p></li>'
    )


def _teller(page: Page) -> Any:
    def send(who: Caller, word: RowMessage) -> str:
        # with the text, as another worker than the one that answered may receive it
        body: dict[str, Any] = {"id": word.id, "model": word.about, "text": word.text, "correct": word.say == "right"}
        if word.labels is not None:
            body["labels"] = word.labels
        page.api.ask(who, "POST", "/feedback", json=body)
        return "Thank you: your feedback is kept, and will be reviewed."

    return teller(page, send)
