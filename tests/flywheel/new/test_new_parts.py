"""`volant new` on files whose gold is parts of a text: the kind, its columns and a model that fits are found."""

import json
import shutil
from pathlib import Path

import pytest

from support.kinds import PARTS, ROWS
from support.projects import ROOT
from volant.flywheel.new.create import new
from volant.kinds import KINDS


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    return tmp_path


def written(kind: str, project: Path) -> str:
    """The rows of a kind as a file of JSON lines, with names of columns as people have them."""
    names = {"label": "intent" if kind == "understand" else "label", "spans": "slots", "triples": "facts"}
    rows = [{names.get(k, k): v for k, v in row.items()} for row in ROWS[kind](160).to_pylist()]
    path = project / f"{kind}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.mark.parametrize("kind", PARTS)
def test_the_kind_is_found_and_its_conf_is_that_of_a_whole_flywheel(kind: str, project: Path) -> None:
    report = new("mine", written(kind, project), root=project)
    assert report.columns.kind == kind
    assert report.columns.text == "text"
    text = (project / "conf/flywheel/mine.yaml").read_text()
    assert f"kind: {kind}\n" in text
    assert f"metric: {KINDS[kind].metrics[0]} " in text
    assert "linear" not in text
    assert all(len(line) <= 120 for line in text.splitlines())


def test_conll_columns_become_spans_of_a_cased_model(project: Path) -> None:
    path = project / "names.conll"
    sentence = "{} B-PER\nlives O\nin O\n{} B-LOC\n\n"
    cities = ("Oslo", "Lima", "Rome")
    path.write_text("".join(sentence.format(f"Ann{k}", cities[k % 3]) for k in range(30)))
    report = new("names", str(path), root=project)
    assert (report.columns.kind, report.model) == ("entities", "spans-e5")
    assert dict(report.counts) == {"LOC": 30, "PER": 30}
