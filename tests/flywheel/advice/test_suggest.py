"""Which texts of a pool to label: uncertain, unlike each other, not known yet; and the file that comes of it."""

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from support.advised import flywheel
from support.tables import read_file
from support.texts import BAD, GOOD, reviews, topics
from volant import config
from volant.cli import iterate
from volant.cli.app import app
from volant.errors import VolantError
from volant.flywheel.advice import suggest
from volant.flywheel.advice.suggest import spread, write_suggested
from volant.workspace.files import write_table


def write_pool(path: Path, texts: list[str], column: str = "text") -> str:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow([column, "when"])
        writer.writerows((text, "today") for text in texts)
    return str(path)


MIXED = [
    f"the {word} was {good} and the {other} was {bad}"
    for word, good in (("film", g) for g in GOOD)
    for other, bad in (("cast", b) for b in BAD)
]


def test_uncertain_texts_come_first(root: Path, tmp_path: Path) -> None:
    pool = write_pool(tmp_path / "pool.csv", reviews(300, seed=99)["text"].to_pylist() + MIXED[:10])
    found = suggest("reviews", flywheel("classify"), pool, 8, root=root)
    assert len(found.rows) == 8
    scores = [row["score"] for row in found.rows]
    assert scores == sorted(scores, reverse=True)
    assert sum(row["text"] in MIXED for row in found.rows) >= 2
    everything = suggest("reviews", flywheel("classify"), pool, 10_000, root=root)
    assert len(everything.rows) == everything.answered
    assert np.mean(scores) > np.mean([row["score"] for row in everything.rows])
    assert found == suggest("reviews", flywheel("classify"), pool, 8, root=root)


def test_what_is_known_or_said_twice_is_left_out(root: Path, tmp_path: Path) -> None:
    held = reviews(400, 0)["text"].to_pylist()[:3] + reviews(120, 2)["text"].to_pylist()[:3]  # of train and of test
    new = "the camera was neither here nor there , as cameras go n1 n2 n3"
    pool = write_pool(tmp_path / "pool.csv", [*held, held[0].upper(), " ", new, new, f"{new} ", new + "!"])
    found = suggest("reviews", flywheel("classify"), pool, 5, root=root)
    assert [row["text"] for row in found.rows] == [new]
    assert (found.pool, found.known, found.twins, found.answered) == (12, 8, 3, 1)


def test_clusters_spread_the_choice() -> None:
    topics_ = ["alpha beta gamma", "delta epsilon zeta", "eta theta iota", "kappa lambda mu"]
    texts = [f"{topic} {k}" for topic in topics_ for k in range(12)]
    unsure = np.repeat([0.99, 0.98, 0.97, 0.96], 12)
    chosen = spread(texts, unsure, 5, seed=0)
    assert len(set(chosen)) == 5
    assert {k // 12 for k in chosen} == {0, 1, 2, 3}
    assert spread(["same"] * 30, np.ones(30), 4, seed=0) == sorted(set(spread(["same"] * 30, np.ones(30), 4, seed=0)))
    assert len(spread(["same"] * 30, np.ones(30), 4, seed=0)) == 4
    assert spread(["...", "!"], np.array([0.1, 0.2]), 5, seed=0) == [1, 0]


def test_several_labels_parquet_and_another_column(root: Path, tmp_path: Path) -> None:
    table = topics(200, seed=77)
    write_table(table.rename_columns(["id", "body", "labels"]), tmp_path / "pool.parquet")
    found = suggest("topics", flywheel("multilabel"), str(tmp_path / "pool.parquet"), 10, column="body", root=root)
    assert len(found.rows) == 10
    said = {label for row in found.rows for label in row["suggested"].split("|")}
    assert said <= {"", "cast", "ending", "film", "story"}
    with pytest.raises(VolantError, match=r"no column 'text'.*--column: id, body, labels"):
        suggest("topics", flywheel("multilabel"), str(tmp_path / "pool.parquet"), 10, root=root)


def test_nothing_new_and_no_bundle_are_said(root: Path, tmp_path: Path) -> None:
    pool = write_pool(tmp_path / "pool.csv", reviews(400, 0)["text"].to_pylist()[:3])
    with pytest.raises(VolantError, match="Nothing to label"):
        suggest("reviews", flywheel("classify"), pool, 5, root=root)
    with pytest.raises(VolantError, match="does not contain a bundle"):
        suggest("nobody", flywheel("classify"), pool, 5, root=root)
    with pytest.raises(VolantError, match="-n 1 or more"):
        suggest("reviews", flywheel("classify"), pool, 0, root=root)


def test_the_file_is_read_back_and_never_overwritten(root: Path, tmp_path: Path) -> None:
    strange = 'a "quoted", text\nof two lines; with | and \u00e9'
    pool = tmp_path / "pool.jsonl"
    pool.write_text("".join(json.dumps({"text": text}) + "\n" for text in (strange, "the film was odd")))
    found = suggest("reviews", flywheel("classify"), str(pool), 5, root=root)
    out = tmp_path / "to_label.csv"
    write_suggested(found, out)
    back = read_file(str(out))
    assert back.column_names == ["text", "label", "suggested", "score"]
    assert strange in back["text"].to_pylist()
    assert not any(back["label"].to_pylist())
    with pytest.raises(VolantError, match="may hold labels"):
        write_suggested(found, out)


def test_verbs(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert iterate.app is app
    monkeypatch.chdir(root)
    monkeypatch.setattr(config, "flywheel", lambda name: flywheel({"reviews": "classify"}[name]))
    pool = write_pool(tmp_path / "pool.csv", reviews(50, seed=31)["text"].to_pylist())
    runner, out = CliRunner(), tmp_path / "out.csv"
    done = runner.invoke(app, ["suggest", "reviews", "--pool", pool, "-n", "5", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "volant ingest reviews" in done.output
    assert len(pq.ParquetFile("data/reviews/clean/train.parquet").schema) > 0
    again = runner.invoke(app, ["suggest", "reviews", "--pool", pool, "--out", str(out)])
    assert again.exit_code == 2
    shown = runner.invoke(app, ["suggest", "reviews", "--pool", pool, "--out", str(tmp_path / "b.csv"), "--json"])
    assert json.loads(shown.stdout)["pool"] == 50
    page = runner.invoke(app, ["next", "reviews", "--json"])
    assert json.loads(page.stdout)["flywheel"] == "reviews"
    assert "More data" in runner.invoke(app, ["next", "reviews"]).output
