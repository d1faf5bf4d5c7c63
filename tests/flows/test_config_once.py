"""A command reads and checks the config once, and passes it on."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from support.flywheels import Project, make_project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def iterated(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a first version."""
    project = make_project(tmp_path_factory.mktemp("project"), tables)
    project.run("volant", "ingest", "mine", project.csv("half.csv", 250, 1), "--split", "train")
    project.iterate()
    (project.root / "pool.txt").write_text("a lovely film\na dull film\n")
    return project


COUNTED = """
import sys
from volant.cli import app
from volant.config import Config, flywheels
calls = []
validate = flywheels.validate
def counted(model, tree, key):
    calls.extend([key] if model is Config else [])
    return validate(model, tree, key)
flywheels.validate = counted
try:
    app(sys.argv[1:])
finally:
    print("\\nchecks:", len(calls))
"""


def checks(command: Sequence[str], project: Project) -> int:
    """How often the process of a command checks the config."""
    printed = project.run(sys.executable, "-c", COUNTED, *command, code=None)
    assert "Traceback" not in printed
    return int(printed.rpartition("checks: ")[2])


@pytest.mark.parametrize(
    "command",
    [
        ["iterate", "mine"],
        ["iterate", "mine", "--dry-run"],
        ["iterate", "mine", "flywheels.mine.seed=3"],
        ["next", "mine"],
        ["suggest", "mine", "--pool", "pool.txt", "--out", "label.csv"],
        ["params"],
    ],
)
def test_the_config_is_checked_once(command: list[str], iterated: Project) -> None:
    assert checks(command, iterated) == 1


@pytest.mark.parametrize("command", [["versions", "mine"], ["history", "mine"], ["show", "mine", "1"]])
def test_what_reads_versions_alone_needs_no_config(command: list[str], iterated: Project) -> None:
    assert checks(command, iterated) == 0
