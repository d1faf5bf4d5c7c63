"""Feedback on parts of a text: read, checked against the text as the client knows it, stored in the redacted one."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from support.collecting import answered
from volant.kinds.record import SPANS, Annotation, Span
from volant.monitor import captures
from volant.monitor.captures import PredictionEvent
from volant.service import settings
from volant.service.errors import RefusedError
from volant.service.feedback.api import FeedbackRequest
from volant.service.feedback.intake import Feedback, ModelInfo, Submission
from volant.service.feedback.items import Item, fold
from volant.service.feedback.review import accept
from volant.workspace.files import write_table

NAMES = ModelInfo("names", "names", "entities", ("person", "city"))
TEXT = "anna lives in oslo"
ANNA = {"start": 0, "end": 4, "label": "person"}
OSLO = {"start": 14, "end": 18, "label": "city"}


@pytest.fixture
def feedback(tmp_path: Path) -> Feedback:
    return Feedback(settings.Feedback(per_client_per_minute=10_000), root=tmp_path)


def say(
    feedback: Feedback, spans: list[dict[str, Any]], client: str = "c1", text: str | None = TEXT, **more: Any
) -> Item:
    return feedback.add(Submission(client, text=text, columns={"spans": spans}, **more), NAMES)


def predicted(text: str, *spans: Span) -> PredictionEvent:
    """A prediction as it is found again: its text redacted, its spans in that text."""
    event = replace(answered("e1", text, model="names"), kind="entities", annotation=Annotation(spans=spans))
    return captures.read(captures.row(event, ["email"]))


def test_spans_are_kept_as_the_kinds_column(feedback: Feedback) -> None:
    item = say(feedback, [OSLO, ANNA])
    assert json.loads(item.gold or "") == {"spans": [ANNA, OSLO]}
    assert (item.labels, item.status) == (("city", "person"), "quarantined")
    truth = item.ground_truth["groundTruthData"]
    assert (truth["encoding"], json.loads(truth["data"])) == ("JSON", {"spans": [ANNA, OSLO]})
    assert item.to_json()["gold"] == {"spans": [ANNA, OSLO]}
    [stored] = feedback.log.items("names")
    assert stored == item


def test_clients_agree_on_the_same_spans_in_any_order_and_on_no_others(feedback: Feedback) -> None:
    say(feedback, [OSLO, ANNA])
    say(feedback, [ANNA, OSLO], "c2")
    assert say(feedback, [ANNA | {"score": 0.9}, OSLO], "c3").status == "accepted"
    other = say(feedback, [ANNA], "c4")  # the same labels as below, elsewhere
    assert other.status == "quarantined"
    assert any("conflict" in reason and "oslo [city]" in reason for reason in other.reasons)


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"spans": [{"start": 14, "end": 19, "label": "city"}]}, "ends after the text, which has 18 characters"),
        ({"spans": [{"start": 4, "end": 5, "label": "city"}]}, "holds only spaces"),
        ({"spans": [ANNA, {"start": 2, "end": 6, "label": "city"}]}, "overlap"),
        ({"spans": [{"start": 4, "end": 4, "label": "city"}]}, "is empty"),
        ({"spans": [ANNA | {"label": "persn"}]}, "Did you mean 'person'"),
        ({"labels": ["person"]}, "`labels` is not what names predicts. Send `spans`"),
        ({"spans": [ANNA], "triples": []}, "`spans`, `triples` is not what names predicts"),
        ({"spans": ["anna"]}, "can't be read"),
    ],
)
def test_what_does_not_fit_is_refused(feedback: Feedback, columns: dict[str, Any], why: str) -> None:
    with pytest.raises(RefusedError, match=why) as refused:
        feedback.add(Submission("c", text=TEXT, columns=columns), NAMES)
    assert refused.value.status == 422
    assert not feedback.log.items("names")


def test_a_text_has_no_spans_only_if_the_client_says_so(feedback: Feedback) -> None:
    assert say(feedback, []).gold == '{"spans": []}'
    assert feedback.add(Submission("c", "e1", correct=False), NAMES, predicted(TEXT)).gold is None


def test_spans_follow_the_redaction_of_what_stands_before_them(feedback: Feedback) -> None:
    raw = "ann@example.com met anna in oslo"
    item = say(
        feedback, [{"start": 28, "end": 32, "label": "city"}, {"start": 4, "end": 11, "label": "person"}], text=raw
    )
    assert item.text == "[email] met anna in oslo"
    spans = json.loads(item.gold or "")["spans"]
    assert [item.text[span["start"] : span["end"]] for span in spans] == ["[email]", "oslo"]


def test_a_prediction_is_captured_with_the_spans_of_its_redacted_text(feedback: Feedback) -> None:
    event = predicted("ann@example.com met anna", Span(20, 24, "person", 0.9))
    assert (event.text, event.annotation.spans) == ("[email] met anna", (Span(12, 16, "person"),))
    up = feedback.add(Submission("c", "e1", correct=True), NAMES, event)
    assert up.gold == up.prediction == '{"spans": [{"end": 16, "label": "person", "start": 12}]}'


def test_spans_by_id_are_those_of_the_text_as_it_was_sent(feedback: Feedback) -> None:
    raw = "ann@example.com met anna"
    event = predicted(raw)
    spans = {"spans": [{"start": 20, "end": 24, "label": "person"}]}
    with pytest.raises(RefusedError, match=r"is redacted\. Send its `text` too"):
        feedback.add(Submission("c", "e1", columns=spans), NAMES, event)
    with pytest.raises(RefusedError, match="`text` is not that of the prediction"):
        feedback.add(Submission("c", "e1", text="somebody else met anna", columns=spans), NAMES, event)
    item = feedback.add(Submission("c", "e1", text=raw, columns=spans, correct=False), NAMES, event)
    assert json.loads(item.gold or "")["spans"] == [{"start": 12, "end": 16, "label": "person"}]
    with pytest.raises(RefusedError, match=r"has expired\. Send its `text`"):
        feedback.add(Submission("c", "e9", columns=spans), NAMES)
    with pytest.raises(RefusedError, match="`correct` contradicts `spans`"):
        feedback.add(Submission("c", "e1", text=raw, columns=spans, correct=True), NAMES, event)


def test_a_reviewer_corrects_spans_of_the_stored_text(feedback: Feedback) -> None:
    item = say(feedback, [ANNA])
    with pytest.raises(RefusedError, match="ends after the text"):
        accept(feedback.log, "names", [item.id], "ann", {"spans": [{"start": 0, "end": 99, "label": "person"}]})
    [done] = accept(feedback.log, "names", [item.id], "ann", {"spans": [ANNA, OSLO]})
    assert json.loads(done.gold or "") == {"spans": [ANNA, OSLO]}
    other = say(feedback, [OSLO], "c2")
    with pytest.raises(RefusedError, match=r"contradicts .*anna \[person\], oslo \[city\]"):
        accept(feedback.log, "names", [other.id], "ann")


def test_a_text_of_train_with_other_spans_waits(feedback: Feedback, tmp_path: Path) -> None:
    schema = pa.schema([("id", pa.string()), ("text", pa.string()), ("spans", SPANS)])
    rows = [{"id": "1", "text": TEXT, "spans": [ANNA]}]
    write_table(pa.Table.from_pylist(rows, schema), tmp_path / "data/names/prepared/train.parquet")
    assert any("in train this text has anna [person]" in reason for reason in say(feedback, [OSLO]).reasons)
    assert not any("in train" in reason for reason in say(feedback, [ANNA], "c2").reasons)


def test_journals_of_labels_are_still_read() -> None:
    """As versions before kinds of parts wrote them."""
    old = {
        **dict.fromkeys(("id", "event_id", "flywheel", "model", "key", "comment", "client", "time"), "x"),
        **{"version": "1", "kind": "classify", "text": "a film", "correct": False, "reasons": []},
        **{"predicted": ["fresh"], "labels": None},
    }
    items: dict[str, Item] = {}
    fold(items, [{"feedback": old}])
    assert (items["x"].predicted, items["x"].labels) == (("fresh",), None)
    fold(items, [{"changes": {"x": {"labels": ["rotten"], "status": "accepted"}}}])
    assert (items["x"].labels, items["x"].gold) == (("rotten",), '{"label": "rotten"}')


@pytest.mark.parametrize(
    "body",
    [
        {"spans": [ANNA] * 1001},
        {"triples": [{"subject": "a", "predicate": "b", "object": "c"}] * 1001},
        {"spans": [{"start": -1, "end": 4, "label": "city"}]},
        {"spans": [{"start": 0, "end": 2**40, "label": "city"}]},
        {"spans": [{"start": 0, "end": 4, "label": "c" * 1001}]},
        {"spans": [{"start": "0", "end": 4, "label": "city"}]},
        {"spans": [{"start": 0, "end": 4}]},
        {"triples": [{"subject": "", "predicate": "b", "object": "c"}]},
    ],
)
def test_every_part_has_limits(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FeedbackRequest.model_validate({"text": TEXT, **body})
