"""Parts of a text as HTML: spans marked in the text and as chips, facts as a table; labels to choose from."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any

from volant.kinds.record import SLOT, TARGETS
from volant.service.ui.markup import table

OF_PARTS = ("spans", "triples")  # columns that hold parts of a text


def columns_of(fields: Mapping[str, Any]) -> list[str]:
    """Return the columns of a prediction that holds parts of a text; none for labels of whole texts.

    Example:
        >>> columns_of({"id": "x", "label": "play", "spans": []}), columns_of({"label": "fresh"})
        (['label', 'spans'], [])
    """
    own = [name for name in TARGETS if name in fields]
    return own if any(name in OF_PARTS for name in own) else []


def marked(text: str, spans: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> str:
    """Return a text with its spans marked; the labels are not part of its characters.

    Args:
        text: The text.
        spans: Spans that don't overlap.
        labels: Labels of spans: a label has the same colour in every answer.

    Example:
        >>> marked("In Oslo", [{"start": 3, "end": 7, "label": "city"}], ["city"])
        'In <mark class="m0" data-label="city">Oslo</mark>'
    """
    order = {label: number for number, label in enumerate(labels)}
    ordered = sorted(spans, key=lambda span: span["start"])
    starts = [0, *(span["end"] for span in ordered)]
    html = []
    for start, span in zip(starts, ordered, strict=False):
        colour = f"m{order.get(span['label'], 0) % 8}"
        words = escape(text[span["start"] : span["end"]])
        html.append(escape(text[start : span["start"]]))
        html.append(f'<mark class="{colour}" data-label="{escape(span["label"])}">{words}</mark>')
    return "".join([*html, escape(text[starts[-1] :])])


def overlapping(spans: Sequence[Mapping[str, Any]]) -> bool:
    """Return True if some spans share characters: such spans can't be marked in the text."""
    ordered = sorted(spans, key=lambda span: (span["start"], span["end"]))
    return any(right["start"] < left["end"] for left, right in pairwise(ordered))


def details(text: str, fields: Mapping[str, Any]) -> str:
    """Return the spans of a prediction as chips, and its facts as a table.

    Args:
        text: The text.
        fields: The prediction, in the columns of its kind.
    """
    html = ""
    if "spans" in fields:
        chips = [_chip(span["label"], text[span["start"] : span["end"]], span.get("score")) for span in fields["spans"]]
        html += f'<ul class="chips" aria-label="Spans">{"".join(chips)}</ul>' if chips else _facts("No span.")
    if "triples" in fields:
        rows = [
            (own["subject"], own["predicate"], own["object"], _percent(own.get("score"))) for own in fields["triples"]
        ]
        html += table("Facts", ("subject", "predicate", "object", "score"), rows, empty="No fact.")
    return html


def choices(labels: Sequence[str]) -> dict[str, list[str]]:
    """Return the labels to choose from by column.

    Example:
        >>> choices(["play", "slot:song"]), choices(["city"])
        ({'label': ['play'], 'spans': ['song']}, {'label': ['city'], 'spans': ['city']})
    """
    slots = [label.removeprefix(SLOT) for label in labels if label.startswith(SLOT)]
    whole = [label for label in labels if not label.startswith(SLOT)]
    return {"label": whole, "spans": slots or whole}


def gold_json(fields: Mapping[str, Any], columns: Sequence[str]) -> str:
    """Return the columns of a prediction as JSON for an attribute of HTML.

    Args:
        fields: The prediction.
        columns: Columns of its kind.
    """
    return escape(json.dumps({name: fields[name] for name in columns if name in fields}))


def _chip(label: str, words: str, score: float | None) -> str:
    return f"<li><strong>{escape(label)}</strong> {escape(words)} {_percent(score)}</li>"


def _percent(score: float | None) -> str:
    return "" if score is None else f"{100 * score:.1f} %"


def _facts(sentence: str) -> str:
    return f'<p class="facts">{sentence}</p>'
