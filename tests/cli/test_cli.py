"""The verbs: what they print, and that a mistake is a message with exit code 2."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from support.projects import ROOT
from volant.cli import app

runner = CliRunner()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_help_imports_nothing_heavy() -> None:
    heavy = ["torch", "transformers", "mlflow", "dvc", "hydra", "pyarrow", "numpy", "sklearn", "pydantic"]
    heavy += ["typer.rich_utils", "rich.markdown"]
    code = (
        "import atexit, sys\nfrom volant.cli import app\n"
        f"atexit.register(lambda: print('LOADED', [n for n in {heavy} if n in sys.modules]))\n"
        "sys.argv = ['volant', '--help']\napp()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED []"
    groups = [line for line in done.stdout.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert groups == ["Options:", "Data:", "Iterate:", "Versions:", "Service:", "Project:"]
    assert "  history   Show the decisions about versions" in done.stdout


def test_params_are_checked_and_written(project: Path) -> None:
    assert runner.invoke(app, ["params", "--check"]).exit_code == 0
    stale = runner.invoke(app, ["params", "model@flywheels.reviews.model=linear"])
    assert stale.exit_code == 0, stale.output
    assert "volant.models.linear.Linear" in (project / "params.yaml").read_text()
    assert runner.invoke(app, ["params", "--check"]).exit_code != 0


def test_another_family_leaves_no_keys_behind(project: Path) -> None:
    path = project / "conf/flywheel/reviews.yaml"
    path.write_text(path.read_text() + "model:\n  trainable: 2\n")
    done = runner.invoke(app, ["params", "model@flywheels.reviews.model=linear"])
    assert done.exit_code == 0, done.output
    assert "trainable" not in (project / "params.yaml").read_text()


@pytest.mark.usefixtures("project")
def test_flywheels_are_listed() -> None:
    listed = {entry["name"]: entry for entry in json.loads(runner.invoke(app, ["flywheels", "--json"]).output)}
    assert set(listed) >= {"reviews", "imdb", "tweets", "news", "emotions"}
    assert [name for name, entry in listed.items() if entry["live"]] == ["reviews"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "nothing", "a text"], "no bundle for 'nothing'"),
        (["predict", "reviews", "a text", "--out", "o.csv"], "--out o.csv requires --file"),
        (["predict", "reviews", "a text", "--file", "in.csv"], "--file in.csv can't be combined with texts"),
        (["predict", "reviews", "--json", "--file", "in.csv"], "--file in.csv can't be combined with texts"),
        (["results", "reviews"], "no evaluation yet"),
        (["new", "mine", "--data", "nowhere.csv"], "nowhere.csv"),
        (["params", "flywheels.reviews.sead=1"], "Did you mean 'seed'?"),
        (["lake", "gs://bucket"], "gs://bucket"),
    ],
)
def test_a_mistake_is_a_message(project: Path, arguments: list[str], message: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "volant", *arguments], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("project")
def test_a_package_of_an_extra_is_named_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hydra", None)
    done = runner.invoke(app, ["params"])
    assert done.exit_code == 2
    assert "volant-nlp[train]" in done.output


def test_conf_that_cannot_be_composed_leaves_no_half_made_flywheel(project: Path) -> None:
    config = project / "conf/config.yaml"
    config.write_text(config.read_text().replace("  - _self_", "  - flywheel@flywheels.other: true\n  - _self_"))
    before = config.read_bytes()
    rows = [f"{'good' if i % 2 else 'bad'} text number {i},{'yes' if i % 2 else 'no'}" for i in range(40)]
    (project / "mine.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    done = runner.invoke(app, ["new", "mine", "--data", "mine.csv"])
    assert done.exit_code == 2, done.output
    assert "conf can't be composed" in done.output
    assert config.read_bytes() == before
    assert not (project / "conf/flywheel/mine.yaml").exists()


def test_new_is_live_at_once(project: Path) -> None:
    rows = [f"{'good' if i % 2 else 'bad'} text number {i},{'yes' if i % 2 else 'no'}" for i in range(40)]
    (project / "mine.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    made = runner.invoke(app, ["new", "mine", "--data", "mine.csv", "--delimiter", ",", "--quote", "none"])
    assert made.exit_code == 0, made.output
    assert "  mine:" in (project / "params.yaml").read_text()
    assert runner.invoke(app, ["params", "--check"]).exit_code == 0


def test_stale_params_are_a_difference_and_no_error(project: Path) -> None:
    main = project / "conf/config.yaml"
    main.write_text(main.read_text().replace("seed: 13", "seed: 14"))
    assert runner.invoke(app, ["params", "--check"]).exit_code == 1
    main.write_text(main.read_text().replace("seed: 14", "sead: 14"))
    assert runner.invoke(app, ["params", "--check"]).exit_code == 2
