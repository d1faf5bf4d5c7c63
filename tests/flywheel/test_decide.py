"""What becomes of a bundle that was evaluated: tiny real bundles, a real registry, and what a person says between."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from support.texts import opinions
from volant import config
from volant.bundle.bundle import Bundle
from volant.bundle.manifest import BundleError
from volant.config import Flywheel
from volant.errors import VolantError
from volant.flywheel import against_champion, last_iteration
from volant.flywheel.champions import rows_digest
from volant.flywheel.decide import decide
from volant.flywheel.dvc import News, Ran
from volant.flywheel.record import Iteration
from volant.kinds import KINDS
from volant.stages import evaluate
from volant.stages.train import report, train
from volant.tracking.registry import Registry, registry
from volant.workspace.files import write_table, write_text

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


def decided(root: Path, flywheel: Flywheel, *executed: str) -> Iteration:
    iteration = Iteration("mine", "train", News(), ran=Ran(list(executed)), metric="accuracy")
    decide(iteration, flywheel, root)
    return iteration


def ended(root: Path, flywheel: Flywheel) -> None:
    """As a turn ends that was not cut off."""
    last_iteration.write("mine", last_iteration.now("mine", flywheel, root), root)


def events(opened: Registry) -> list[tuple[str, int]]:
    """What was decided; comparisons are checked apart."""
    return [(entry.event, entry.version) for entry in opened.history("mine") if entry.event != "compare"]


def test_an_outage_of_the_registry_is_no_pass_of_the_gate(root: Path) -> None:
    assert decided(root, made(root, opinions(200, 1))).outcome == "promoted"
    (files,) = root.glob(".lake/**/artifacts/model")
    files.rename(files.with_name("gone"))
    flywheel = made(root, opinions(200, 2))
    with pytest.raises(VolantError, match=r"could not download the bundle .*Nothing is lost"):
        decided(root, flywheel, "train")
    with registry(root) as opened:
        assert events(opened)[3:] == [("register", 2)]
        assert opened.record("mine", 2).gate is None
    files.with_name("gone").rename(files)
    iteration = decided(root, flywheel, "train")
    assert (iteration.outcome, iteration.active, iteration.version) == ("promoted", 1, 2)
    assert iteration.comparison
    assert iteration.comparison["rows"] == 300


@pytest.mark.parametrize(("listed", "outcome"), [(None, "rejected"), (["fresh", "rotten"], "promoted")])
def test_a_lost_label_fails_unless_config_removed_it(root: Path, listed: list[str] | None, outcome: str) -> None:
    texts = [f"strange odd words {k}" for k in range(100)]
    odd = pa.table({"id": [f"x{k}" for k in range(100)], "text": texts, "label": ["odd"] * 100})
    put_test(root, pa.concat_tables([opinions(200, 9), odd.slice(60)]))
    gate = {**LAX, "min_support": 30}
    decided(root, made(root, pa.concat_tables([odd.slice(0, 60), opinions(200, 1)]), gate=gate))
    iteration = decided(root, made(root, opinions(200, 2), gate=gate, labels=listed), "train")
    assert iteration.outcome == outcome
    assert iteration.comparison
    assert iteration.decision
    assert (iteration.comparison["rows"], iteration.comparison["left_out"]) == (200, 40)
    (lost,) = iteration.comparison["unshared"]
    assert (lost["label"], lost["known_by"], lost["support"], lost["f1"]) == ("odd", "old", 40, 1.0)
    notes = [c["note"] for c in iteration.decision["conditions"]]
    assert any("40 rows excluded" in note and "odd (old)" in note for note in notes)
    assert any(("lost: odd" if listed is None else "removed by `labels`: odd") in note for note in notes)


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


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Do something once, after a comparison was made and before it is acted on."""
    compared, acts = against_champion.Contest.against, [act]

    def against(self: against_champion.Contest, *arguments: Any) -> Any:
        found = compared(self, *arguments)
        if acts:
            acts.pop()()
        return found

    monkeypatch.setattr(against_champion.Contest, "against", against)


def test_a_promotion_during_the_comparison_is_not_overwritten_unseen(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided(root, made(root, noisy(400, 1, 0.5)))
    made(root, opinions(1500, 3))
    (root / "models/mine").rename(root / "other")

    def promote_another() -> None:
        with registry(root) as other:
            number = other.register("mine", root / "other", record_of(other)).number
            other.approve("mine", number, by="machine B")
            other.promote("mine", number, by="machine B")

    meanwhile(monkeypatch, promote_another)
    gate = {**LAX, "margin": 0.2}  # much like version 1, and far below version 3
    iteration = decided(root, made(root, noisy(400, 2, 0.5), gate=gate), "train")
    assert (iteration.outcome, iteration.version, iteration.active) == ("rejected", 2, 3)
    with registry(root) as opened:
        assert opened.state("mine").champion == 3
        assert ("approve", 2) not in events(opened)


def test_a_rejection_during_the_comparison_stands(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decided(root, made(root, opinions(200, 1)))

    def refuse() -> None:
        with registry(root) as other:
            other.reject("mine", 2, note="no", by="ann")

    meanwhile(monkeypatch, refuse)
    assert decided(root, made(root, opinions(400, 2)), "train").outcome == "rejected"
    with registry(root) as opened:
        assert events(opened)[3:] == [("register", 2), ("reject", 2)]
        assert opened.get("mine", 2).note == "no"


def fail_if_fetched(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Let every bundle of the registry fail as it answers."""
    predict = Bundle.predict

    def failing(self: Bundle, *arguments: Any, **options: Any) -> Any:
        if "versions" in self.folder.parts:
            raise error
        return predict(self, *arguments, **options)

    monkeypatch.setattr(Bundle, "predict", failing)


def test_a_champion_that_cannot_answer_bars_by_its_recorded_score_else_a_person_decides(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided(root, made(root, opinions(1500, 1)))
    fail_if_fetched(monkeypatch, BundleError("golden texts are answered differently"))
    gate = {**LAX, "margin": 0.02}
    iteration = decided(root, made(root, noisy(400, 2, 1.0), gate=gate), "train")
    assert iteration.outcome == "rejected"
    assert iteration.decision
    assert "golden texts are answered differently; its recorded accuracy" in iteration.decision["reasons"][0]
    put_test(root, opinions(320, 11))
    flywheel = made(root, noisy(400, 4, 0.9), gate=gate)
    first = decided(root, flywheel, "train")
    assert (first.outcome, first.version) == ("undecided", 3)
    again = decided(root, flywheel)
    assert (again.outcome, again.judged) == ("undecided", None)  # until there is something else to compare
    with registry(root) as opened:
        assert events(opened)[3:] == [("register", 2), ("reject", 2), ("register", 3)]


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("std::bad_alloc")])
def test_a_machine_without_memory_ends_the_iteration(
    root: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    decided(root, made(root, opinions(200, 1)))
    flywheel = made(root, noisy(400, 2, 1.0))
    fail_if_fetched(monkeypatch, error)
    with pytest.raises(VolantError, match="Memory ran out while version 1"):
        decided(root, flywheel, "train")
    with registry(root) as opened:
        assert events(opened)[3:] == [("register", 2)]


def test_rows_that_one_of_the_two_learned_from_are_excluded(root: Path) -> None:
    """As when a source file grows and is split anew: the champion knows them by heart, or nearly."""
    known = opinions(200, 1).slice(0, 100)
    shouted = known.set_column(1, "text", pa.array([text.upper() + "!" for text in known["text"].to_pylist()]))
    decided(root, made(root, opinions(200, 1)))
    put_test(root, pa.concat_tables([opinions(300, 9), shouted]))
    iteration = decided(root, made(root, opinions(400, 2)), "train")
    assert iteration.comparison
    assert (iteration.comparison["rows"], iteration.comparison["learned"]) == (300, 100)
    put_test(root, pa.concat_tables([opinions(40, 9), shouted]))
    undecided = decided(root, made(root, pa.concat_tables([known, opinions(300, 3)])), "train")
    assert (undecided.outcome, undecided.comparison and list(undecided.comparison)) == ("undecided", ["why"])
    assert "only 40 of 140 test rows are left" in undecided.comparison["why"] if undecided.comparison else False


def test_new_test_rows_and_promotions_by_people_are_no_way_around_the_best_former_champion(root: Path) -> None:
    rows = [opinions(1500, 1), noisy(400, 1, 0.8), noisy(400, 2, 0.8)]
    for table in rows[:2]:
        assert decided(root, made(root, table), "train").outcome == "promoted"  # with a margin of 0.5
    put_test(root, opinions(320, 11))
    iteration = decided(root, made(root, rows[2], gate={**LAX, "margin": 0.02}), "train")
    assert iteration.outcome == "rejected"
    assert iteration.decision
    assert any(
        "best former champion" in reason and "version 1 has" in reason for reason in iteration.decision["reasons"]
    )
    with registry(root) as opened:
        opened.rollback("mine")  # to 1
        opened.reject("mine", 2)
    assert decided(root, made(root, rows[2], gate={**LAX, "margin": 0.4}), "train").decision


def test_comparisons_are_counted_in_the_ledger_and_a_better_version_earns_a_new_budget(root: Path) -> None:
    decided(root, made(root, noisy(400, 1, 0.5)))
    for seed in (2, 3):
        iteration = decided(root, made(root, noisy(400, seed, 1.0), gate={**LAX, "margin": 0.01}), "train")
        assert (iteration.comparison or {}).get("look") == seed - 1
        assert iteration.decided_before == seed - 2
    with registry(root) as opened:
        assert opened.state("mine").looks == 2
    assert decided(root, made(root, opinions(1500, 4)), "train").outcome == "promoted"
    with registry(root) as opened:
        now = opened.state("mine")
        assert (now.champion, now.looks, list(now.tests.values())) == (4, 0, [3])


def test_a_set_of_test_rows_is_known_by_its_ids_texts_and_labels() -> None:
    rows, kind = opinions(20, 1), KINDS["classify"]
    mixed = rows.take(list(reversed(range(20)))).append_column("more", pa.array(range(20)))
    assert rows_digest(rows, kind) == rows_digest(mixed, kind)
    other = rows.set_column(2, "label", pa.array(["fresh"] * 20))
    assert rows_digest(rows, kind) != rows_digest(other, kind) != rows_digest(rows.slice(1), kind)
