"""Advice by the project's own linear options, and all likely label errors in a file that ingest reads back."""

import csv
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from support.advised import flywheel
from support.projects import ROOT
from support.texts import reviews, topics
from volant.flywheel.advice import learn
from volant.flywheel.advice.advice import linear_model
from volant.flywheel.advice.label_errors import label_errors
from volant.flywheel.advice.mislabelled import Suspect
from volant.kinds import KINDS
from volant.models.linear import Linear
from volant.workspace.files import write_table

TRANSFORMER = {"_target_": "volant.models.transformer.Transformer", "family": "transformer"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "conf/model", tmp_path / "conf/model")
    (tmp_path / "conf/config.yaml").write_text("defaults:\n  - flywheel@flywheels.mine: my\n  - _self_\nseed: 1\n")
    (tmp_path / "conf/flywheel").mkdir()
    (tmp_path / "conf/flywheel/my.yaml").write_text("defaults:\n  - /model@model: transformer\n  - _self_\n")
    return tmp_path


def test_an_encoder_is_advised_by_the_projects_linear_options(project: Path) -> None:
    """Not by a bare `Linear()`, whose options nobody chose."""
    path = project / "conf/model/linear.yaml"
    path.write_text(path.read_text().replace("c: 2.0 ", "c: 3.5 "))
    wheel = flywheel("classify", model=TRANSFORMER)
    found = linear_model("mine", wheel, project)
    assert (found.c, found.char_ngrams, found.min_df) == (3.5, (3, 5), 2)
    (project / "conf/model/my-linear.yaml").write_text("defaults:\n  - linear\n  - _self_\nc: 9.0\n")
    assert linear_model("mine", wheel, project).c == 9.0  # that of the flywheel's file


def test_n_grams_beside_an_encoder_and_a_linear_flywheel_come_first(project: Path) -> None:
    beside = {**TRANSFORMER, "linear": {**asdict(Linear(c=7.0))}}
    assert linear_model("mine", flywheel("classify", model=beside), project).c == 7.0
    own = {"_target_": "volant.models.linear.Linear", "family": "linear", "c": 5.0}
    assert linear_model("mine", flywheel("classify", model=own), project).c == 5.0
    assert linear_model("mine", flywheel("classify", model=TRANSFORMER), project / "elsewhere") == Linear()


def test_other_linear_options_are_looked_at_anew(tmp_path: Path) -> None:
    for seed, split in enumerate(("train", "validation")):
        write_table(reviews(80, seed), tmp_path / f"data/mine/clean/{split}.parquet")
    first = learn("mine", flywheel("classify", model=TRANSFORMER), tmp_path)
    (tmp_path / "conf").mkdir()
    shutil.copytree(ROOT / "conf/model", tmp_path / "conf/model")
    (tmp_path / "conf/config.yaml").write_text("defaults:\n  - flywheel@flywheels.mine: mine\n  - _self_\n")
    (tmp_path / "conf/flywheel").mkdir()
    (tmp_path / "conf/flywheel/mine.yaml").write_text("defaults:\n  - /model@model: transformer\n  - _self_\n")
    assert learn("mine", flywheel("classify", model=TRANSFORMER), tmp_path).made_of != first.made_of


def test_all_of_them_are_in_the_file_with_the_text_as_it_came(tmp_path: Path) -> None:
    table = reviews(400, seed=8)
    flipped = np.random.default_rng(1).choice(400, 60, replace=False).tolist()
    other = {"fresh": "rotten", "rotten": "fresh"}
    given = [other[label] if k in flipped else label for k, label in enumerate(table["label"].to_pylist())]
    table = table.set_column(table.column_names.index("label"), "label", pa.array(given))
    raw = table.set_column(
        table.column_names.index("text"), "text", pa.array([f"<b>{t}</b>" for t in table["text"].to_pylist()])
    )
    for state, rows in (("clean", table), ("prepared", raw)):
        write_table(rows, tmp_path / f"data/mine/{state}/train.parquet")
        write_table(reviews(80, seed=9), tmp_path / f"data/mine/{state}/validation.parquet")
    found = learn("mine", flywheel("classify"), tmp_path)
    path = tmp_path / "reports/mine/label_errors.csv"
    rows = list(csv.DictReader(path.open(newline="")))
    assert found.suspected == len(rows) > len(found.suspects) == 20
    assert all(row["text"].startswith("<b>") for row in rows)
    assert [row["row"] for row in rows[:20]] == [suspect["id"] for suspect in found.suspects]
    assert all(row["likely"] == other[row["label"]] for row in rows)
    assert "label_errors.csv" in (tmp_path / "reports/mine/next.md").read_text()
    path.unlink()
    assert learn("mine", flywheel("classify"), tmp_path) == found
    assert path.exists()  # made again, as it was removed


def test_of_several_labels_a_row_is_one_line() -> None:
    table = topics(6, seed=1)
    kind = KINDS["multilabel"]
    suspects = [Suspect(2, "not cast", "cast", 0.9), Suspect(0, "film", "not film", 0.5), Suspect(2, "x", "not x", 0.3)]
    rows = list(csv.DictReader(label_errors(kind, table, suspects, {}).splitlines()))
    assert [(row["row"], row["likely"], row["margin"]) for row in rows] == [
        (table["id"][2].as_py(), "cast|not x", "0.9"),
        (table["id"][0].as_py(), "not film", "0.5"),
    ]
    assert rows[0]["label"] == "|".join(table["labels"][2].as_py())
