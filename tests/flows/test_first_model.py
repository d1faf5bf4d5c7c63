"""A newcomer's first command: a quick model is the first version, and the flywheel's own is measured against it."""

import json

import pytest
import yaml

from support.flywheels import Project
from support.tiny import TINY

pytestmark = pytest.mark.slow


def test_a_quick_model_is_version_one_and_the_own_model_is_compared_with_it(project: Project) -> None:
    conf = project.root / "conf/flywheel/mine.yaml"
    small = {name: value for name, value in TINY["recurrent"].items() if name not in ("_target_", "family")}
    own = conf.read_text().replace("/model@model: linear", "/model@model: recurrent")
    conf.write_text(own + yaml.safe_dump({"model": small}))
    project.run("volant", "ingest", "mine", project.csv("half.csv", 250, 1), "--split", "train")
    printed = project.run("volant", "iterate", "mine", "--json", "--no-advice", "--first", "linear", code=None)
    second = json.loads(printed.splitlines()[-1])
    assert (second["case"], second["version"], second["active"]) == ("changed", 2, 1)
    assert second["comparison"]["rows"] > 0
    versions = {v["number"]: v for v in json.loads(project.run("volant", "versions", "mine", "--json"))}
    assert {number: version["family"] for number, version in versions.items()} == {1: "linear", 2: "recurrent"}
    assert versions[1]["status"] == "approved"
    again = project.iterate("--first", "linear")
    assert (again["case"], again["ran"]["executed"]) == ("nothing", [])
