"""The walk that docs/flywheel.md records, shrunk: five turns, each with what it must end in."""

import json

import pytest

from support.flywheels import Project

pytestmark = pytest.mark.slow


def test_the_walk(project: Project) -> None:
    """One test, as each step stands on the one before."""
    project.run("volant", "ingest", "mine", project.csv("half.csv", 250, 1), "--split", "train")
    first = project.iterate()
    assert (first["case"], first["outcome"], first["version"], first["active"]) == ("first", "promoted", 1, None)
    assert first["ran"]["executed"] == ["prepare", "clean", "train", "evaluate"]

    nothing = project.iterate()
    assert (nothing["case"], nothing["outcome"], nothing["ran"]["executed"]) == ("nothing", "nothing", [])

    project.run("volant", "ingest", "mine", project.csv("test.csv", 600, 2), "--split", "test")
    evaluated = project.iterate()
    assert (evaluated["case"], evaluated["outcome"], evaluated["version"]) == ("test", "evaluated", 1)
    assert evaluated["ran"]["executed"] == [
        "prepare",
        "clean",
        "evaluate",
    ]  # new rows went through, nothing was trained
    assert evaluated["new"]["scores"]["accuracy"] != first["new"]["scores"]["accuracy"]

    project.run("volant", "ingest", "mine", project.csv("other.csv", 1200, 3), "--split", "train")
    assert project.iterate("--dry-run")["case"] == "train"
    better = project.iterate()
    assert (better["case"], better["outcome"], better["version"], better["active"]) == ("train", "promoted", 2, 1)
    assert better["comparison"]["verdict"] == "better"
    assert better["comparison"]["new"] > better["comparison"]["old"]

    project.run("volant", "ingest", "mine", project.csv("noise.csv", 2500, 4, shuffled=True), "--split", "train")
    worse = project.iterate(code=3)
    assert (worse["outcome"], worse["version"], worse["active"]) == ("rejected", 3, 2)
    assert worse["comparison"]["verdict"] == "worse"
    assert worse["decision"]["reasons"]

    listed = {v["number"]: v for v in json.loads(project.run("volant", "versions", "mine", "--json"))}
    assert [listed[n]["status"] for n in (1, 2, 3)] == ["approved", "approved", "rejected"]
    assert "champion" in listed[2]["aliases"]
    assert listed[3]["reasons"] == worse["decision"]["reasons"]

    project.run("volant", "rollback", "mine")
    told = json.loads(project.run("volant", "history", "mine", "--json"))
    events = [(e["event"], e["version"]) for e in told["entries"]]
    assert events[-1] == ("rollback", 1)
    assert events[:-1] == [
        *(("register", 1), ("approve", 1), ("promote", 1)),
        *(("register", 2), ("compare", 2), ("approve", 2), ("promote", 2)),
        *(("register", 3), ("compare", 3), ("reject", 3)),
    ]
    again = project.iterate()
    assert (again["outcome"], again["ran"]["executed"]) == ("nothing", [])  # a rollback is a person's word, not news
