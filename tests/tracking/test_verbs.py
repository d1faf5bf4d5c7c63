"""The verbs of the registry, as a person and as a machine runs them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import volant.cli  # noqa: F401  (its verbs)
from support.texts import reviews
from support.versions import TREE, record
from volant import tracking
from volant.bundle.bundle import GOLDEN
from volant.bundle.manifest import seal, verify
from volant.cli.app import app
from volant.tracking.registry import Registry
from volant.workspace.files import write_table


def volant_(*words: str, code: int = 0) -> str:
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, list(words))
    assert done.exit_code == code, done.output
    return done.output


def told(*words: str) -> Any:
    return json.loads(volant_(*words, "--json"))


@pytest.mark.usefixtures("filled")
def test_the_life_of_a_version() -> None:
    assert "Approve it with `volant approve reviews 1`" in volant_("promote", "reviews", "1", code=2)
    assert "reviews version 1: approved. Promote it with" in volant_("approve", "reviews", "1", "--note", "fine")
    assert "version 1: approved, champion" in volant_("promote", "reviews", "1")
    assert told("approve", "reviews", "challenger")["number"] == 3
    assert told("promote", "reviews", "3")["aliases"] == ["champion"]
    assert told("reject", "reviews", "2", "--note", "[odd]")["status"] == "rejected"
    assert "version 1: approved, champion" in volant_("rollback", "reviews")
    lines = volant_("versions", "reviews")
    assert "0.7300 (0.6800 to 0.7800)" in lines
    assert "first-0a1b2c3d" in lines
    assert [(v["number"], v["status"]) for v in told("versions", "reviews")] == [
        (3, "approved"),
        (2, "rejected"),
        (1, "approved"),
    ]
    assert "[odd]" in volant_("history", "reviews")
    assert "Champion now: version 1, approved by" in volant_("history", "reviews")
    found = told("history", "reviews")
    assert (found["active"]["version"], found["active"]["approved"]["note"]) == (1, "fine")
    then = found["entries"][6]["time"]  # when version 3 was promoted
    assert told("history", "reviews", "--at", then)["active"]["version"] == 3
    assert "There was no champion at 2020-01-01" in volant_("history", "reviews", "--at", "2020-01-01")
    assert "is not a valid time" in volant_("history", "reviews", "--at", "yesterday", code=2)
    assert "has no version 7" in volant_("show", "reviews", "7", code=2)


def test_where_a_version_comes_from(filled: Registry) -> None:
    filled.approve("reviews", 2, note="good", by="bob")
    version = filled.get("reviews", 2)
    shown = volant_("show", "reviews", "2")
    for part in (version.data["train"][:16], version.commit, version.config[:16], version.run_id, "by bob: good"):
        assert part in shown
    found = told("show", "reviews", "2")
    assert (found["record"]["config"], [e["event"] for e in found["decided"]]) == (TREE, ["register", "approve"])


def test_what_differs(opened: Registry, bundles: Callable[[int], Path], root: Path) -> None:
    other = bundles(2)
    manifest = verify(other)
    manifest["labels"].reverse()  # so that it answers the other way round
    cases = [json.loads(line) for line in (other / GOLDEN).read_text().split("\n") if line]
    for case in cases:
        case["scores"] = dict(zip(case["scores"], reversed(case["scores"].values()), strict=True))
    (other / GOLDEN).write_text("".join(f"{json.dumps(case)}\n" for case in cases))
    kept = {name: value for name, value in manifest.items() if name not in ("schema", "files", "digest")}
    seal(other, kept)
    opened.register("reviews", bundles(1), record(0.7))
    opened.register("reviews", other, record(0.75, config={**TREE, "seed": 6}, datasets=["a-1", "b-2"]))
    assert "No test rows on this machine" in volant_("diff", "reviews", "1", "2")
    write_table(reviews(40, 3), root / "data/reviews/prepared/test.parquet")
    found = told("diff", "reviews", "1", "2", "--texts", "3")
    assert found["metrics"]["macro_f1"] == [0.7, 0.75]
    assert found["config"] == {"seed": ["5", "6"]}
    assert found["data"] == {"datasets": [["first-0a1b2c3d"], ["a-1", "b-2"]]}
    assert (found["rows"], found["changed"], len(found["texts"])) == (40, 40, 3)
    assert all(row["first"] != row["second"] and row["gold"] in ("fresh", "rotten") for row in found["texts"])
    assert "40 of 40 test rows are answered differently" in volant_("diff", "reviews", "1", "challenger")


def test_the_best_version_and_the_run_that_is_better(
    opened: Registry, bundles: Callable[[int], Path], root: Path
) -> None:
    for number, score in ((1, 0.6), (2, 0.8)):
        digest = verify(bundles(number))["digest"]
        with tracking.run("reviews", {}, {"bundle": digest}, root=root) as run:
            run.log_metrics({"val_f1_weighted": score, "val_loss": 1 - score})
        opened.register("reviews", bundles(number), record(score))
    assert "version 2 is the best by val_f1_weighted: 0.8000" in volant_(
        "best", "reviews", "--metric", "val_f1_weighted"
    )
    assert told("best", "reviews", "--metric", "val_loss")["version"]["number"] == 2
    assert told("best", "reviews", "--metric", "macro_f1")["version"]["number"] == 2
    with tracking.run("reviews", {}, {}, name="trial 7", root=root) as run:
        run.log_metrics({"val_f1_weighted": 0.9})
    found = told("best", "reviews", "--metric", "val_f1_weighted")
    assert (found["version"]["number"], found["run_id"], found["run_value"]) == (2, run.id, 0.9)
    assert "The run trial 7" in volant_("best", "reviews", "--metric", "val_f1_weighted")
    assert "Did you mean 'val_f1_weighted'?" in volant_("best", "reviews", "--metric", "f1_weighted", code=2)


@pytest.fixture
def live(root: Path) -> None:
    """`news` is live; it has no versions."""
    (root / "conf").mkdir()
    (root / "conf/config.yaml").write_text("defaults:\n  - flywheel@flywheels.news: news\n")


@pytest.mark.usefixtures("live", "filled")
@pytest.mark.parametrize(
    "words",
    [
        *(["versions", "{}"], ["history", "{}"], ["best", "{}", "--metric", "macro_f1"], ["show", "{}", "1"]),
        *(["diff", "{}", "1", "2"], ["approve", "{}", "1"], ["reject", "{}", "1"], ["promote", "{}", "1"]),
        *(["rollback", "{}"], ["datasets", "{}"], ["results", "{}"], ["package", "{}"], ["feedback", "{}"]),
    ],
)
def test_a_flywheel_that_is_not_there_is_an_error(words: list[str]) -> None:
    said = volant_(*(word.format("revews") for word in words), code=2)
    known = words[0] not in ("datasets", "results", "feedback")  # these know what is on this machine
    assert "There is no flywheel 'revews'." in said
    assert ("Did you mean 'reviews'? Known: news, reviews." in said) == known


@pytest.mark.usefixtures("live", "filled")
def test_a_flywheel_that_is_live_no_more_keeps_its_versions(root: Path) -> None:
    assert len(told("versions", "reviews")) == 3
    assert len(told("history", "reviews")["entries"]) == 3
    (root / "data/reviews/lake/train").mkdir(parents=True)
    assert told("datasets", "reviews") == []


@pytest.mark.usefixtures("live")
def test_a_flywheel_without_versions() -> None:
    assert "news has no versions yet" in volant_("versions", "news")
    assert told("history", "news") == {"entries": [], "active": None}
    assert "There is none yet" in volant_("approve", "news", "1", code=2)
