"""A flywheel of kind entities, from a file of spans to feedback on them: every command, and a real server."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from support.kinds import mentions
from support.projects import ENVIRONMENT, copy_project
from support.serving import OFFLINE, Server, serving

pytestmark = pytest.mark.slow

TEXT = "<b>anna</b> lives in   lima"  # cleaning removes the tags and spaces: spans are those of this text
SPANS = [{"start": 3, "end": 7, "label": "person"}, {"start": 23, "end": 27, "label": "city"}]
FLYWHEEL = """
defaults:
  - /source@source: files
  - /model@model: recurrent
  - _self_

kind: entities
description: People and cities
labels: [person, city]
source:
  train: names.jsonl
  columns: {text: text, label: spans}
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
gate: {min: {micro_f1: 0.5, macro_recall: 0.5}}
evaluation: {slices: []}
seed: ${seed}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with a flywheel `names`, after one iteration."""
    root = tmp_path_factory.mktemp("names")
    copy_project(root)
    rows = [{"text": row["text"], "spans": row["spans"]} for row in mentions(300, 3).to_pylist()]
    (root / "names.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (root / "conf/flywheel/names.yaml").write_text(FLYWHEEL)
    config = root / "conf/config.yaml"
    live = "  - flywheel@flywheels.reviews"
    config.write_text(config.read_text().replace(live, f"  - flywheel@flywheels.names: names\n{live}"))
    (root / "service.yaml").write_text("ui: false\ncapture: {percent: 100}\n")
    run(root, "git", "init", "-q")
    (root / "iterate.txt").write_text(run(root, "volant", "iterate", "names"))
    return root


def run(root: Path, *command: str) -> str:
    """Return what a command of this copy prints; it must succeed."""
    environment = {**os.environ, **ENVIRONMENT, **OFFLINE, "PYTHONPATH": str(root / "src"), "COLUMNS": "200"}
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def places(spans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Spans without their scores."""
    return [{name: span[name] for name in ("start", "end", "label")} for span in spans]


def test_an_iteration_evaluates_gates_and_registers(project: Path) -> None:
    printed = (project / "iterate.txt").read_text()
    assert "Version 1 is approved and active." in printed
    assert "What would help next: reports/names/next.md" in printed
    decision = json.loads((project / "reports/names/iteration.json").read_text())["decision"]
    assert {"micro_f1", "macro_recall"} <= {condition["name"] for condition in decision["conditions"]}
    details = json.loads((project / "reports/names/details.json").read_text())
    assert details["scores"]["micro_f1"] > 0.85
    assert set(details["analysis"]) == {"errors", "errors_by_label", "matching", "by_length"}
    report = (project / "reports/names/report.md").read_text()
    assert "## Errors by label" in report
    assert "predict no part of a text" in report
    card = (project / "models/names/README.md").read_text()
    assert "pipeline_tag: token-classification" in card


def test_advice_says_what_it_leaves_out(project: Path) -> None:
    page = run(project, "volant", "next", "names")
    assert "No learning curve" in page
    advice = json.loads(run(project, "volant", "next", "names", "--json"))
    assert (advice["curve"], advice["rows"]) == (None, advice["of"])


def test_predictions_of_texts_and_of_files(project: Path) -> None:
    assert "anna[person]</b> lives in   lima[city]" in run(project, "volant", "predict", "names", TEXT)
    answer = json.loads(run(project, "volant", "predict", "names", TEXT, "--json"))
    assert places(answer["spans"]) == SPANS
    (project / "texts.txt").write_text(f"{TEXT}\nnobody was at home\n")
    for form in ("jsonl", "csv", "parquet"):
        run(project, "volant", "predict", "names", "--file", "texts.txt", "--out", f"out.{form}")
    rows = [json.loads(line) for line in (project / "out.jsonl").read_text().splitlines()]
    assert [places(row["spans"]) for row in rows] == [SPANS, []]
    assert [places(spans) for spans in pq.read_table(project / "out.parquet")["spans"].to_pylist()] == [SPANS, []]
    run(project, "volant", "batch", "names", "texts.txt", "--out", "batch.jsonl")
    assert [places(json.loads(line)["spans"]) for line in (project / "batch.jsonl").read_text().splitlines()] == [
        SPANS,
        [],
    ]


def test_batch_in_the_lines_of_comprehend(project: Path) -> None:
    (project / "two.txt").write_text(f"nobody was at home\n{TEXT}\n")
    run(project, "volant", "batch", "names", "two.txt", "--out", "two.jsonl", "--comprehend")
    first, second = (json.loads(line) for line in (project / "two.jsonl").read_text().splitlines())
    assert first == {"Entities": [], "File": "two.txt", "Line": 0}
    assert (second["File"], second["Line"]) == ("two.txt", 1)
    assert [{k: v for k, v in entity.items() if k != "Score"} for entity in second["Entities"]] == [
        {"BeginOffset": 3, "EndOffset": 7, "Text": "anna", "Type": "person"},
        {"BeginOffset": 23, "EndOffset": 27, "Text": "lima", "Type": "city"},
    ]


@pytest.fixture(scope="module")
def server(project: Path) -> Iterator[Server]:
    with serving(project, PYTHONPATH=str(project / "src")) as running:
        yield running


def test_three_protocols_answer_alike(server: Server) -> None:
    status, body, _ = server.call("POST", "/predict", {"texts": [TEXT, "nobody was at home"], "model": "names"})
    assert status == 200, body
    assert [places(prediction["spans"]) for prediction in body["predictions"]] == [SPANS, []]
    assert all(0 < span["score"] <= 1 for span in body["predictions"][0]["spans"])
    tensor = {"name": "text", "datatype": "BYTES", "shape": [1], "data": [TEXT]}
    outputs = {o["name"]: o for o in server.call("POST", "/v2/models/names/infer", {"inputs": [tensor]})[1]["outputs"]}
    assert places(json.loads(outputs["spans"]["data"][0])) == SPANS
    target = {"X_Amzn_SageMaker_Target_Model": "names"}
    status, sagemaker, _ = server.call("POST", "/invocations", {"instances": [TEXT]}, **target)
    assert status == 200, sagemaker
    assert places(sagemaker["predictions"][0]["spans"]) == SPANS


def test_corrected_spans_become_train_rows_and_ground_truth(server: Server, project: Path) -> None:
    _, body, _ = server.call("POST", "/predict", {"texts": ["we met zora in oslo"], "model": "names"})
    gold = [{"start": 7, "end": 11, "label": "person"}, {"start": 15, "end": 19, "label": "city"}]
    sent = {"id": body["predictions"][0]["id"], "text": "we met zora in oslo", "spans": gold}
    status, state, _ = server.call("POST", "/feedback", sent)
    assert (status, state["status"]) == (200, "quarantined"), state
    status, refused, _ = server.call(
        "POST", "/feedback", sent | {"spans": [{"start": 7, "end": 99, "label": "person"}]}
    )
    assert status == 422
    assert "ends after the text" in refused["error"]
    [item] = server.admin("GET", "/feedback?flywheel=names")[1]
    assert item["gold"] == {"spans": gold}
    assert set(item["prediction"]) == {"spans"}
    review = {"flywheel": "names", "ids": [item["id"]], "decision": "accept", "spans": [gold[0]]}
    assert server.admin("POST", "/feedback/review", review)[0] == 200
    assert "zora [person]" in run(project, "volant", "feedback", "names")
    accepted = json.dumps({"spans": gold})
    run(project, "volant", "feedback", "accept", "names", item["id"], "--gold", accepted)
    [file] = (project / "data/names/lake/train").glob("*.parquet")
    [row] = pq.read_table(file).to_pylist()
    assert (row["text"], row["spans"]) == ("we met zora in oslo", gold)
    truths = [json.loads(path.read_text()) for path in (project / ".lake/groundtruth/names").rglob("*.jsonl")]
    assert accepted_spans(truths[-1]) == gold


def accepted_spans(truth: dict[str, Any]) -> list[dict[str, Any]]:
    """The spans of a line of ground truth."""
    return json.loads(truth["groundTruthData"]["data"])["spans"]


def test_the_api_page_shows_spans(server: Server) -> None:
    page = server.call("GET", "/openapi.json")[1]
    example = page["paths"]["/feedback"]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert server.call("POST", "/feedback", example)[0] == 200, example
    assert set(page["components"]["schemas"]["SpanAnswer"]["properties"]) == {"start", "end", "label", "score"}
