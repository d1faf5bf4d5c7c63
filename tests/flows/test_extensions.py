"""docs/architecture.md, "To add X, touch Y": a family, a source, a cleaning step and an alert channel are added so."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from support.projects import ENVIRONMENT, copy_project
from support.texts import reviews

pytestmark = pytest.mark.slow

FAMILY = '''
"""A family of the tests: logistic regression on characters only, by the linear family's own parts."""

from pathlib import Path
from typing import Literal

from pydantic.dataclasses import dataclass

from volant.config import STRICT
from volant.models import Examples, Fitted, Task
from volant.models.linear import Linear


@dataclass(frozen=True, config=STRICT)
class Letters:
    """Character n-grams of one length."""

    family: Literal["letters"] = "letters"
    length: int = 3

    def fit(self, train: Examples, validation: Examples, task: Task, folder: Path, work: Path) -> Fitted:
        """Fit; see `volant.models.Model.fit`."""
        inner = Linear(word_ngrams=None, char_ngrams=(self.length, self.length))
        return inner.fit(train, validation, task, folder, work)
'''
SOURCE = '''
"""A source of the tests: one file whose lines are a label, a bar and a text."""

from pathlib import Path

import pyarrow as pa
from pydantic.dataclasses import dataclass

from volant.config import STRICT
from volant.sources.columns import to_rows
from volant.sources.mapping import Columns


@dataclass(frozen=True, config=STRICT)
class Bars:
    """Labelled lines."""

    path: str
    watch: dict[str, str]

    def read(self, kind: str) -> dict[str, pa.Table]:
        """Read the file."""
        lines = [line.split("|", 1) for line in Path(self.path).read_text().splitlines()]
        table = pa.table({"label": [label for label, _ in lines], "text": [text for _, text in lines]})
        return {"train": to_rows(table, Columns(), kind, self.path)}
'''
FLYWHEEL = """
defaults:
  - /source@source: bars
  - /model@model: letters
  - _self_

kind: classify
description: Extensions of a test
labels: [fresh, rotten]
source: {path: mine.bars}
split: {test: 0.2, validation: 0.2, group: null, near_duplicates: 1.0, train_subset_size: null}
cleaning: [shout, whitespace]
metric: macro_f1
evaluation: {slices: []}
approval: manual
seed: ${seed}
"""


def run(root: Path, *command: str, code: int = 0) -> str:
    """Return what a command of this copy prints; it must end with this code."""
    environment = {**os.environ, **ENVIRONMENT, "PYTHONPATH": str(root / "src")}
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def add_line(path: Path, before: str, line: str) -> None:
    """Add a line before another one, which the file has once."""
    text = path.read_text()
    assert text.count(before) == 1
    path.write_text(text.replace(before, f"{line}\n{before}"))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with one of each, and a flywheel that uses all of them, after one iteration."""
    root = tmp_path_factory.mktemp("extended")
    copy_project(root)
    code = root / "src/volant"
    (code / "models/letters.py").write_text(FAMILY)
    (root / "conf/model/letters.yaml").write_text(
        "_target_: volant.models.letters.Letters\nfamily: letters\nlength: 3\n"
    )
    (code / "sources/bars.py").write_text(SOURCE)
    (root / "conf/source/bars.yaml").write_text(
        "_target_: volant.sources.bars.Bars\npath: ???\nwatch: {train: '${..path}', test: src/volant/sources/bars.py}\n"
    )
    step = 'def shout() -> TextStep:\n    """Write in capitals."""\n    return TextStep("shout", str.upper)\n\n'
    add_line(code / "cleaning/rewrites.py", "def html() -> TextStep:", f"{step}\n")
    add_line(code / "cleaning/parse.py", '    "html": rewrites.html,', '    "shout": rewrites.shout,')
    alert = '    with open("alerts.txt", "a") as channel:\n        channel.write(f"{flywheel}: {message}\\n")'
    add_line(code / "monitor/alerts.py", '    log.warning("%s: %s", flywheel, message)', alert)
    rows = reviews(160, seed=4)
    lines = zip(rows["label"].to_pylist(), rows["text"].to_pylist(), strict=True)
    (root / "mine.bars").write_text("".join(f"{label}|{text}\n" for label, text in lines))
    (root / "conf/flywheel/mine.yaml").write_text(FLYWHEEL)
    add_line(root / "conf/config.yaml", "  - flywheel@flywheels.reviews: reviews", "  - flywheel@flywheels.mine: mine")
    run(root, "git", "init", "-q")
    run(root, "volant", "params")
    run(root, "volant", "iterate", "mine")
    return root


def test_the_family_trains_and_its_bundle_predicts(project: Path) -> None:
    manifest = json.loads((project / "models/mine/manifest.json").read_text())
    assert manifest["family"] == "letters"
    assert manifest["runtime"]["type"] == "linear"
    answer = json.loads(run(project, "volant", "predict", "mine", "the film was lovely", "--json"))
    assert answer["label"] == "fresh"


def test_the_source_gives_the_rows(project: Path) -> None:
    assert "160" in (project / "reports/mine/data.md").read_text()


def test_the_step_cleans_rows_and_texts_to_predict(project: Path) -> None:
    report = json.loads((project / "reports/mine/clean.json").read_text())
    assert report["splits"]["train"]["steps"]["shout"]["changed"] > 50
    texts = ("the film was lovely", "THE FILM WAS LOVELY")
    small, large = (json.loads(run(project, "volant", "predict", "mine", text, "--json")) for text in texts)
    assert small["score"] == large["score"]


def test_the_alert_channel_is_told(project: Path) -> None:
    assert "mine: " in (project / "alerts.txt").read_text()
