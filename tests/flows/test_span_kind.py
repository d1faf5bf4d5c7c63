"""A kind of spans in place of labels: one file and one line of the registry, from prepare to HTTP."""

import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from support.kinds import CITIES, PATTERNS, PEOPLE
from support.projects import ENVIRONMENT, ROOT, copy_project
from support.serving import OFFLINE, serving

pytestmark = pytest.mark.slow

FLYWHEEL = """
defaults:
  - /source@source: files
  - /model@model: recurrent
  - _self_

kind: places
description: People and cities
labels: [person, city]
source:
  train: places.jsonl
  columns: {text: text, label: spans, label_map: {per: person, loc: city}}
split: {test: 0.2, validation: 0.2, group: null, near_duplicates: 1.0, train_subset_size: null}
cleaning: [html, whitespace, drop_empty]
model:
  tokenizer: word
  vocabulary_size: 200
  embedding_size: 16
  hidden_size: 16
  max_length: 24
  training: {num_train_epochs: 8, train_batch_size: 16, learning_rate: 0.02, progress: false}
metric: micro_f1
evaluation: {slices: []}
seed: ${seed}
"""


def row(draw: random.Random) -> dict[str, object]:
    """A made-up sentence with its spans, some of it in tags that cleaning takes out."""
    people = draw.sample(PEOPLE, 2)
    names = {"p": people[0], "q": people[1], "c": draw.choice(CITIES)}
    text = draw.choice(("", "<b>", "<i> ")) + draw.choice(PATTERNS).format(**names) + draw.choice(("", " ", "."))
    held = [("loc" if name == names["c"] else "per", name) for name in names.values() if name in text]
    spans = [{"start": text.index(name), "end": text.index(name) + len(name), "label": label} for label, name in held]
    return {"text": text, "spans": spans}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the kind and a flywheel of it, after one iteration."""
    root = tmp_path_factory.mktemp("places")
    copy_project(root)
    shutil.copy(ROOT / "tests/support/places.py", root / "src/volant/kinds/places.py")
    registry = root / "src/volant/kinds/__init__.py"
    line = "MODULES = {"
    assert registry.read_text().count(line) == 1
    registry.write_text(registry.read_text().replace(line, f'{line}"places": "volant.kinds.places", '))
    draw = random.Random(3)
    rows = [json.dumps(row(draw)) for _ in range(240)]
    (root / "places.jsonl").write_text("\n".join(rows) + "\n")
    (root / "conf/flywheel/places.yaml").write_text(FLYWHEEL)
    config = root / "conf/config.yaml"
    live = "  - flywheel@flywheels.reviews"
    config.write_text(config.read_text().replace(live, f"  - flywheel@flywheels.places: places\n{live}"))
    (root / "service.yaml").write_text("ui: false\n")
    run(root, "git", "init", "-q")
    run(root, "volant", "iterate", "places")
    return root


def run(root: Path, *command: str) -> str:
    """Return what a command of this copy prints; it must succeed."""
    environment = {**os.environ, **ENVIRONMENT, **OFFLINE, "PYTHONPATH": str(root / "src")}
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prepare_and_clean_keep_the_spans(project: Path) -> None:
    prepared, clean = (pq.read_table(project / f"data/places/{step}/train.parquet") for step in ("prepared", "clean"))
    raw = dict(zip(prepared["id"].to_pylist(), prepared["text"].to_pylist(), strict=True))
    moved = 0
    for one in clean.to_pylist():
        assert "<" not in one["text"]
        for span in one["spans"]:
            name = one["text"][span["start"] : span["end"]]
            assert name in {"person": PEOPLE, "city": CITIES}[span["label"]]
            moved += raw[one["id"]][span["start"] : span["end"]] != name
    assert moved > 10


def test_it_is_trained_evaluated_and_reported(project: Path) -> None:
    metrics = json.loads((project / "reports/places/metrics.json").read_text())
    assert metrics["micro_f1"] > 0.85
    details = json.loads((project / "reports/places/details.json").read_text())
    assert {label["label"] for label in details["labels"]} == {"city", "person"}
    assert "person" in (project / "reports/places/report.md").read_text()
    predictions = pq.read_table(project / "reports/places/predictions.parquet").to_pylist()
    assert any(len(one["predicted"]) > 1 for one in predictions)


def test_spans_are_given_in_the_raw_text(project: Path) -> None:
    text = "<b>In   oslo</b>  we met\temma and <i>bert</i>"
    answer = json.loads(run(project, "volant", "predict", "places", text, "--json"))
    assert [(text[s["start"] : s["end"]], s["label"]) for s in answer["spans"]] == [
        ("oslo", "city"),
        ("emma", "person"),
        ("bert", "person"),
    ]


def test_it_answers_over_http(project: Path) -> None:
    text = "<b>anna</b> lives in   lima"
    with serving(project, PYTHONPATH=str(project / "src")) as server:
        status, body, _ = server.call("POST", "/predict", {"texts": [text, "nobody was at home"], "model": "places"})
        tensor = {"name": "text", "datatype": "BYTES", "shape": [1], "data": [text]}
        v2 = server.call("POST", "/v2/models/places/infer", {"inputs": [tensor]})
    assert status == 200, body
    found = [[(text[s["start"] : s["end"]], s["label"]) for s in p["spans"]] for p in body["predictions"]]
    assert found == [[("anna", "person"), ("lima", "city")], []]
    outputs = {output["name"]: output["data"] for output in v2[1]["outputs"]}
    assert json.loads(outputs["spans"][0]) == body["predictions"][0]["spans"]
