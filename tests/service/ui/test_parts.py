"""Parts of a text in a real browser: marked in the text, corrected in a table, reviewed; and their HTML."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from support.browser import NAMELESS, Opening, as_admin, ask, pages, shoot
from support.kinds import mentions
from support.serving import Server, serving
from support.shared import once
from support.tiny import TINY, flywheel
from support.versions import record
from volant.service.deployments.watcher import Watcher
from volant.service.ui.parts import choices, marked, overlapping
from volant.service.ui.tabs.predict import rows
from volant.stages.train import train
from volant.tracking.registry import registry
from volant.workspace.files import write_table

TEXT = "\U0001f600 anna lives in <b>oslo</b>"  # a character of two UTF-16 units, and markup that stays text
ANNA = {"start": 2, "end": 6, "label": "person"}
OSLO = {"start": 19, "end": 23, "label": "city"}


@pytest.fixture(scope="module")
def served(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service of a flywheel `names`, of spans."""
    made = once(tmp_path_factory, "named", lambda folder: make(folder, tables))
    root = tmp_path_factory.mktemp("named") / "p"
    shutil.copytree(made / "my project", root)
    (root / "service.yaml").write_text("limits: {texts_per_request: 20}\n")
    with serving(root) as running:
        pages(running)
        yield running


def make(folder: Path, tables: Path) -> None:
    root = folder / "my project"
    root.mkdir()
    shutil.copy(tables, root / "mlflow.db")
    for seed, (split, count) in enumerate({"train": 240, "validation": 60}.items()):
        write_table(mentions(count, seed), folder / "data" / f"{split}.parquet")
    wheel = flywheel("entities", {**TINY["recurrent"], "vocabulary_size": 60}, metric="micro_f1", cleaning=["html"])
    train("names", wheel, folder / "data", folder / "names", folder / "work")
    with registry(root) as opened:
        opened.register("names", folder / "names", record(), by="ann")
        opened.approve("names", 1, by="bob")
        opened.promote("names", 1)
    (root / "params.yaml").write_text("seed: 1\nflywheels:\n  names: {}\n")
    Watcher(root).update({"names/champion"})


def test_spans_are_marked_corrected_and_reviewed(opening: Opening, served: Server) -> None:
    page = opening()
    row = ask(page, [TEXT], "names")
    expect(row.locator(".text")).to_have_text(TEXT)  # the labels are no characters of it
    expect(row.locator("mark")).to_have_text(["anna", "oslo"])
    expect(row.get_by_role("list", name="Spans").get_by_role("listitem")).to_contain_text(["person anna", "city oslo"])
    page.get_by_role("button", name="Wrong: text 1").click()
    lines = row.locator("tbody tr")
    expect(lines).to_have_count(2)
    expect(lines.locator(".words")).to_have_text(["anna", "oslo"])
    assert page.evaluate(NAMELESS) == []
    shoot(page, "spans", 800)
    lines.nth(1).get_by_role("button", name="Remove").click()
    row.locator(".text").evaluate(
        "node => getSelection().setBaseAndExtent(node.childNodes[2], 1, node.childNodes[2], 6)"  # "lives"
    )
    row.get_by_role("button", name="Add the selected text").click()
    expect(lines.locator(".words")).to_have_text(["anna", "lives"])
    lines.nth(1).get_by_label("Start").fill("19")
    lines.nth(1).get_by_label("End").fill("23")
    expect(lines.locator(".words")).to_have_text(["anna", "oslo"])
    lines.nth(1).get_by_label("Label").select_option("person")
    row.get_by_role("button", name="Send correction").click()
    expect(row.get_by_role("status")).to_contain_text("Thank you")
    [item] = served.admin("GET", "/feedback?flywheel=names")[1]
    assert (item["text"], item["gold"]) == (TEXT, {"spans": [ANNA, OSLO | {"label": "person"}]})

    as_admin(page, "Feedback")
    page.get_by_role("button", name="Refresh").locator("visible=true").click()
    waiting = page.get_by_role("list", name="Feedback").locator("> li")
    expect(waiting.locator(".facts").first).to_have_text("Correct: anna [person], oslo [person]")
    expect(waiting.locator("mark")).to_have_text(["anna", "oslo"])
    waiting.get_by_role("button", name="Correct 1").click()
    waiting.locator("tbody tr").nth(1).get_by_label("Label").select_option("city")
    waiting.get_by_role("button", name="Send correction").click()
    expect(waiting.get_by_role("status")).to_have_text("Accepted.")
    [item] = served.admin("GET", "/feedback?flywheel=names")[1]
    assert (item["status"], item["gold"]) == ("accepted", {"spans": [ANNA, OSLO]})


def test_a_right_answer_is_confirmed_and_a_wrong_one_refused(opening: Opening, served: Server) -> None:
    page = opening()
    row = ask(page, ["clara wrote a letter from rome"], "names")
    page.get_by_role("button", name="Wrong: text 1").click()
    row.locator("tbody tr").first.get_by_label("End").fill("28")
    row.get_by_role("button", name="Send correction").click()
    expect(row.get_by_role("status")).to_contain_text("overlaps the one before it")
    row.locator("tbody tr").nth(1).get_by_role("button", name="Remove").click()
    row.locator("tbody tr").first.get_by_label("End").fill("99")
    row.get_by_role("button", name="Send correction").click()
    expect(row.get_by_role("status")).to_contain_text("ends after the text")
    page.get_by_role("button", name="Correct: text 1").click()
    expect(row.get_by_role("status")).to_contain_text("Thank you")
    item = served.admin("GET", "/feedback?flywheel=names")[1][0]
    assert item["correct"]
    assert item["gold"] == item["prediction"]


def answered(**columns: Any) -> str:
    row = {"id": "x", "score": 0.9, "scores": {"play": 0.9, "slot:song": 0.8}, **columns}
    return rows(["play it <now>"], {"model": "m", "predictions": [row]}, {"labels": ["play", "stop", "slot:song"]})


def test_a_label_and_spans_are_bars_and_chips() -> None:
    html = answered(label="play", spans=[{"start": 5, "end": 7, "label": "song", "score": 0.75}])
    assert '<p class="text">play <mark class="m0" data-label="song">it</mark> &lt;now&gt;</p>' in html
    assert "<li><strong>song</strong> it 75.0 %</li>" in html
    assert "<strong>play</strong>" in html
    assert "slot:song" not in html
    assert 'data-columns="[&quot;label&quot;, &quot;spans&quot;]"' in html


def test_facts_are_a_table() -> None:
    fact = {"subject": "<i>", "predicate": "likes", "object": "b", "score": 0.5}
    html = answered(triples=[fact])
    assert re.search(r"<caption>Facts</caption>.*<td>&lt;i&gt;</td><td>likes</td><td>b</td><td>50.0 %</td>", html)
    assert "No fact." in answered(triples=[])
    assert "No span." in answered(spans=[])


def test_labels_of_whole_texts_stay_as_they_are() -> None:
    html = answered(label="play")
    assert "data-columns" not in html
    assert 'data-labels="[&quot;play&quot;]"' in html


def test_spans_that_overlap_are_not_marked_but_listed() -> None:
    spans = [{"start": 0, "end": 4, "label": "song"}, {"start": 2, "end": 7, "label": "song"}]
    assert overlapping(spans)
    html = answered(spans=spans)
    assert "<mark" not in html
    assert html.count("<strong>song</strong>") == 2


def test_marks_keep_every_character_once() -> None:
    spans = [{"start": 0, "end": 1, "label": "city"}, {"start": 1, "end": 3, "label": "city"}]
    html = marked('"<&', spans, ["city"])
    assert re.sub(r"<[^>]*>", "", html) == "&quot;&lt;&amp;"
    assert choices(["a", "b"])["label"] == ["a", "b"]
