"""Advice for kinds of parts: no curve, rows that the flywheel's own model contradicts, and texts to label."""

import csv
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from support.kinds import mentions
from support.shared import once
from support.tiny import TINY, flywheel
from volant.bundle.bundle import Bundle
from volant.config import Flywheel
from volant.flywheel.advice import learn, suggest
from volant.flywheel.advice.suggest import write_suggested
from volant.kinds.record import SPANS
from volant.stages.train import train
from volant.workspace.files import write_table

WRONG = 7  # row of train whose gold lacks a span


@pytest.fixture(scope="module")
def wheel() -> Flywheel:
    model = {**TINY["recurrent"], "vocabulary_size": 60}  # too few words to learn one row by heart
    return flywheel("entities", model, metric="micro_f1", cleaning=["html", "whitespace"])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, wheel: Flywheel) -> Path:
    return once(tmp_path_factory, "advised-parts", lambda folder: make(folder, wheel))


def make(folder: Path, wheel: Flywheel) -> None:
    """A flywheel `names`: one span of its train rows was taken out, and the raw texts have tags."""
    for seed, (split, count) in enumerate({"train": 200, "validation": 60}.items()):
        rows = mentions(count, seed).to_pylist()
        if split == "train":
            rows[WRONG]["text"] = "anna lives in oslo n77"
            rows[WRONG]["spans"] = [{"start": 0, "end": 4, "label": "person"}]
        schema = pa.schema([("id", pa.string()), ("text", pa.string()), ("spans", SPANS)])
        raw = [row | {"text": f"<b>{row['text']}", "spans": moved(row["spans"], 3)} for row in rows]
        write_table(pa.Table.from_pylist(rows, schema), folder / f"data/names/clean/{split}.parquet")
        write_table(pa.Table.from_pylist(raw, schema), folder / f"data/names/prepared/{split}.parquet")
    train("names", wheel, folder / "data/names/clean", folder / "models/names", folder / "work")


def moved(spans: list[dict], by: int) -> list[dict]:
    return [span | {"start": span["start"] + by, "end": span["end"] + by} for span in spans]


def test_a_missing_span_is_found_and_the_file_can_be_corrected(root: Path, wheel: Flywheel) -> None:
    advice = learn("names", wheel, root)
    assert advice.curve is None
    assert advice.rows == advice.of == 200
    found = {row["text"]: (row["given"], row["likely"]) for row in advice.suspects}
    assert found["<b>anna lives in oslo n77"] == ("(none)", "oslo [city]")
    assert len(found) <= 5
    page = (root / "reports/names/next.md").read_text()
    assert "No learning curve: the linear family" in page
    assert "It was trained on these very rows" in page
    assert not (root / "reports/names/next.png").exists()
    rows = {row["text"]: row for row in csv.DictReader((root / "reports/names/label_errors.csv").open(newline=""))}
    assert set(rows) == set(found)
    assert json.loads(rows["<b>anna lives in oslo n77"]["spans"]) == [{"start": 3, "end": 7, "label": "person"}]


def test_another_model_is_asked_anew_and_no_model_is_said(root: Path, wheel: Flywheel, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "p")
    project = tmp_path / "p"
    first = learn("names", wheel, project)
    assert learn("names", wheel, project) == first
    shutil.rmtree(project / "models/names")
    without = learn("names", wheel, project)
    assert (without.rows, without.suspects) == (0, [])
    assert without.made_of != first.made_of
    assert "There is no model yet" in (project / "reports/names/next.md").read_text()


def test_the_least_confident_texts_come_first_with_columns_to_fill_in(
    root: Path, wheel: Flywheel, tmp_path: Path
) -> None:
    texts = [text.strip() for text in mentions(60, 9)["text"].to_pylist()]
    pool = tmp_path / "pool.txt"
    pool.write_text("\n".join(texts))
    found = suggest("names", wheel, str(pool), 5, root=root)
    scores = [row["score"] for row in found.rows]
    assert scores == sorted(scores, reverse=True)
    bundle = Bundle.load(root / "models/names")
    lowest = min(bundle.kind.confidence(answer) for answer in bundle.predict(texts))
    assert scores[0] == pytest.approx(1 - lowest, abs=0.02)
    write_suggested(found, tmp_path / "to_label.csv")
    rows = list(csv.DictReader((tmp_path / "to_label.csv").open(newline="")))
    assert list(rows[0]) == ["text", "spans", "suggested", "score"]
    assert not any(row["spans"] for row in rows)
    for row in rows:
        for span in json.loads(row["suggested"]):
            assert row["text"][span["start"] : span["end"]].strip()
