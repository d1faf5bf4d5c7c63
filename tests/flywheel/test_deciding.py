"""What becomes of a bundle that was evaluated: tiny real bundles, a real registry, and what a person says between."""

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from texts import opinions
from volant import config
from volant.config import Flywheel
from volant.errors import VolantError
from volant.flywheel import journal
from volant.flywheel.deciding import decide
from volant.flywheel.pipeline import News, Ran
from volant.flywheel.record import Turn
from volant.schema import write_table, write_text
from volant.stages import evaluate
from volant.stages.train import report, train
from volant.tracking.registry import Registry, registry

LAX = {"margin": 0.5, "max_label_drop": None, "max_slice_drop": None}
STRICT = {**LAX, "min": {"accuracy": 0.99}}
TREE: dict[str, Any] = {
    "kind": "classify",
    "description": "made up",
    "source": {},
    "cleaning": ["whitespace"],
    "model": {"_target_": "volant.models.linear.Linear", "family": "linear"},
    "metric": "accuracy",
    "seed": 5,
    "evaluation": {"bootstrap_samples": 100},
    "gate": LAX,
}


@pytest.fixture
def root(project_root: Path) -> Path:
    put_test(project_root, opinions(300, 9))
    return project_root


def put_test(root: Path, table: pa.Table) -> None:
    for state in ("prepared", "clean"):
        write_table(table, root / f"data/mine/{state}/test.parquet")


def noisy(count: int, seed: int, share: float) -> pa.Table:
    """Opinions, of which a share has any label."""
    rng, rows = random.Random(seed), opinions(count, seed).to_pylist()
    for row in rows:
        if rng.random() < share:
            row["label"] = rng.choice(["fresh", "rotten"])
    return pa.Table.from_pylist(rows)


def made(root: Path, rows: pa.Table, **changes: Any) -> Flywheel:
    """What the stages leave of a flywheel that was trained on these rows."""
    flywheel = set_up(**changes)
    data = root / "data/mine/clean"
    write_table(rows, data / "train.parquet")
    write_table(rows.slice(0, 60), data / "validation.parquet")
    trained = train("mine", flywheel, data, root / "models/mine", root / "work")
    write_text(json.dumps(report(trained)), root / "reports/mine/train.json")
    evaluate.run("mine", flywheel, root)
    return flywheel


def set_up(**changes: Any) -> Flywheel:
    return config.validate(Flywheel, {**TREE, **changes}, "flywheel")


def decided(root: Path, flywheel: Flywheel, *executed: str) -> Turn:
    turn = Turn("mine", "train", News(), ran=Ran(list(executed)), metric="accuracy")
    decide(turn, flywheel, root)
    return turn


def ended(root: Path, flywheel: Flywheel) -> None:
    """As a turn ends that was not cut off."""
    journal.write("mine", journal.now("mine", flywheel, root), root)


def events(opened: Registry) -> list[tuple[str, int]]:
    return [(entry.event, entry.version) for entry in opened.history("mine")]


def test_an_outage_of_the_registry_is_no_pass_of_the_gate(root: Path) -> None:
    assert decided(root, made(root, opinions(200, 1))).outcome == "promoted"
    (files,) = root.glob(".lake/**/artifacts/model")
    files.rename(files.with_name("gone"))
    flywheel = made(root, opinions(200, 2))
    with pytest.raises(VolantError, match=r"could not fetch the bundle .*Nothing is lost"):
        decided(root, flywheel, "train")
    with registry(root) as opened:
        assert events(opened)[3:] == [("register", 2)]
        assert opened.record("mine", 2).gate is None
    files.with_name("gone").rename(files)
    turn = decided(root, flywheel, "train")
    assert (turn.outcome, turn.active, turn.version) == ("promoted", 1, 2)
    assert turn.comparison
    assert turn.comparison["rows"] == 300


def test_a_label_that_the_new_rows_have_lost_is_reported(root: Path) -> None:
    odd = pa.table({"id": [f"x{k}" for k in range(60)], "text": ["strange odd words"] * 60, "label": ["odd"] * 60})
    put_test(root, pa.concat_tables([opinions(200, 9), odd.slice(0, 40)]))
    decided(root, made(root, pa.concat_tables([odd, opinions(200, 1)])))
    turn = decided(root, made(root, opinions(200, 2)), "train")
    assert turn.comparison
    assert turn.decision
    assert (turn.comparison["rows"], turn.comparison["left_out"]) == (200, 40)
    (lost,) = turn.comparison["unshared"]
    assert (lost["label"], lost["known_by"], lost["support"], lost["f1"]) == ("odd", "old", 40, 1.0)
    assert any("40 rows left out" in c["note"] and "odd (old)" in c["note"] for c in turn.decision["conditions"])


def test_a_persons_word_stands(root: Path) -> None:
    """Approved against the gate, and rejected against it: later turns, under other terms, change neither."""
    decided(root, made(root, opinions(200, 1)))
    bad = made(root, opinions(200, 2), gate=STRICT)
    assert decided(root, bad, "train").outcome == "rejected"
    with registry(root) as opened:
        opened.approve("mine", 2, note="we need it", by="ann")
    for flywheel in (bad, set_up(gate={**STRICT, "margin": 0.4})):
        assert decided(root, flywheel, "train").outcome in ("evaluated", "rejected", "promoted")
    with registry(root) as opened:
        assert events(opened)[4:] == [("reject", 2), ("approve", 2)]
        assert opened.get("mine", 2).approved_by == "ann"
        opened.reject("mine", 2, by="ann")
    assert decided(root, set_up(), "train").outcome == "rejected"  # which the gate would let pass
    with registry(root) as opened:
        assert events(opened)[6:] == [("reject", 2)]


def test_the_gate_decides_again_under_other_terms(root: Path) -> None:
    decided(root, made(root, opinions(200, 1)))
    strict = made(root, opinions(200, 2), gate=STRICT)
    first = decided(root, strict, "train")
    assert first.judged
    again = decided(root, strict)
    assert (again.judged, again.outcome) == (None, "rejected")
    assert again.decision
    assert again.decision["reasons"] == first.decision["reasons"] if first.decision else False
    stricter = decided(root, set_up(gate={**STRICT, "max_size_mb": 0.001}))
    assert len(stricter.decision["reasons"] if stricter.decision else ()) == 2
    with registry(root) as opened:
        assert len(opened.get("mine", 2).reasons) == 2
    assert decided(root, set_up()).outcome == "promoted"
    with registry(root) as opened:
        assert events(opened)[3:] == [("register", 2), ("reject", 2), ("reject", 2), ("approve", 2), ("promote", 2)]


def test_who_waits_is_gated_again_only_under_other_terms(root: Path) -> None:
    decided(root, made(root, opinions(200, 1)))
    manual = made(root, opinions(200, 2), approval="manual")
    first = decided(root, manual, "train")
    assert (first.outcome, bool(first.judged)) == ("waiting", True)
    again = decided(root, manual)
    assert (again.outcome, again.judged) == ("waiting", None)
    put_test(root, opinions(310, 9))
    evaluate.run("mine", manual, root)
    assert decided(root, manual, "evaluate").judged  # other test rows
    assert decided(root, set_up(approval="auto")).outcome == "promoted"


def test_a_promotion_that_was_cut_off_is_made_and_one_taken_back_is_not(root: Path) -> None:
    decided(root, made(root, opinions(200, 1)))
    flywheel = made(root, opinions(200, 2))
    with registry(root) as opened:
        opened.register("mine", root / "models/mine", record_of(opened))
        opened.approve("mine", 2, by="gate")  # and killed here
    assert decided(root, flywheel).outcome == "promoted"
    assert decided(root, flywheel).outcome == "promoted"  # it could not tell so: no journal
    ended(root, flywheel)
    assert decided(root, flywheel).outcome == "evaluated"
    with registry(root) as opened:
        assert [event for event, _ in events(opened)].count("promote") == 2
        opened.rollback("mine", by="ann")
    (root / ".volant/iterations/mine.json").unlink()
    assert decided(root, flywheel, "train").outcome == "evaluated"
    with registry(root) as opened:
        champion = opened.champion("mine")
        assert champion
        assert champion.number == 1


def record_of(opened: Registry) -> Any:
    return opened.record("mine", 1)


def test_small_losses_do_not_add_up(root: Path) -> None:
    """Each within the margin of the one before, the third one is not within it of the first."""
    scores, rows = [], [noisy(400, 1, share) for share in (0.0, 0.5, 0.75)]
    for table in rows:
        made(root, table)
        scores.append(json.loads((root / "reports/mine/details.json").read_text())["scores"]["accuracy"])
    steps = [scores[0] - scores[1], scores[1] - scores[2]]
    assert min(steps) > 0.005, scores
    gate = {**LAX, "margin": max(steps) + 0.001}
    turns = [decided(root, made(root, table, gate=gate), "train") for table in rows]
    assert [turn.outcome for turn in turns] == ["promoted", "promoted", "rejected"]
    assert turns[2].decision
    (reason,) = turns[2].decision["reasons"]
    assert "against the best so far" in reason
    assert f"version 1 had accuracy {scores[0]:.4f} on the same test rows" in reason
    with registry(root) as opened:
        opened.rollback("mine")  # to 1
        opened.reject("mine", 2)
    put_test(root, opinions(320, 9))
    assert decided(root, made(root, rows[2], gate={**gate, "margin": 0.5}), "train").decision
