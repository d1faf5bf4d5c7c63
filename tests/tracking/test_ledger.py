"""The ledger: a chain that holds under crowds, kill -9 and crashes, and shows when it was changed."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from mlflow.protos import databricks_pb2
from mlflow.tracking import MlflowClient

from support.projects import ROOT
from support.versions import record
from volant.tracking import aliases, ledger_store
from volant.tracking.ledger import Entry, LedgerError, chain, next_time, replay, sealed
from volant.tracking.registry import Registry, registry
from volant.tracking.rules import Rules, Seen, StaleError
from volant.workspace.provenance import digest

CROWD = ROOT / "tests/support/crowd.py"


def entry(seq: int, prev: str, **changes: Any) -> Entry:
    facts = {"bundle": "b", "commit": "c", "data": "d", "config": "e"}
    told = {"event": "register", "version": seq, "previous": None, "by": "ann", "note": "", "reasons": ("ä", "b")}
    return sealed(
        Entry(**{**told, **facts, "seq": seq, "time": "2025-01-01T00:00:00.000+00:00", "prev": prev, **changes}), "f"
    )


def stored(*found: Entry) -> list[tuple[int, Any]]:
    """As a store gives them back."""
    return [(number, json.loads(json.dumps(asdict(one)))) for number, one in enumerate(found, 1)]


def three() -> list[Entry]:
    first = entry(1, "")
    second = entry(2, first.hash)
    return [first, second, entry(3, second.hash)]


def test_a_lost_race_counts_for_nothing() -> None:
    first, second, third = three()
    late = entry(2, first.hash, version=9)
    assert chain("f", stored(first, second, late, third)) == [first, second, third]
    assert chain("f", stored(first, entry(1, "", version=9), second)) == [first, second]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (lambda a, b, c: stored(a, replace(b, by="eve"), c), "entry 2 was changed"),
        (lambda a, b, c: stored(a, sealed(replace(b, by="eve"), "f"), c), "entry 3 follows an entry that does not"),
        (lambda a, b, c: [s for s in stored(a, b, c) if s[0] != 2], "entry 2 is missing"),
        (lambda a, b, c: [s for s in stored(a, b, c) if s[0] != 1], "entry 1 is missing"),
        (lambda a, _, c: stored(a, c), "entry 2 follows an entry that does not"),
        (lambda a, b, _: [*stored(a, b), (3, None)], "entry 3 was changed"),
        (lambda a, b, c: stored(a, b, sealed(replace(c, event="crown"), "f")), "entry 3 was changed"),  # pyright: ignore[reportArgumentType]
        (lambda a, b, c: stored(a, b, sealed(c, "other")), "entry 3 was changed"),
    ],
)
def test_what_was_changed_is_named(changed: Callable[..., Any], said: str) -> None:
    with pytest.raises(LedgerError, match=said):
        chain("f", changed(*three()))


def compared(version: int, verdict: str, champion: int | None, test: str = "t") -> Entry:
    return entry(1, "", event="compare", version=version, verdict=verdict, previous=champion, test=test)


def test_comparisons_are_counted_until_a_version_that_was_shown_to_be_better_is_promoted() -> None:
    def promoted(version: int, champion: int | None) -> Entry:
        return entry(1, "", event="promote", version=version, previous=champion)

    moves = [entry(1, "", version=v) for v in (1, 2, 3, 4)]
    moves += [promoted(1, None), compared(2, "not_worse", 1), promoted(2, 1), compared(3, "unclear", 2, "other")]
    assert (replay(moves).looks, dict(replay(moves).tests)) == (2, {"t": 1, "other": 1})
    better = [*moves, compared(4, "better", 2)]
    assert replay(better).looks == 3
    assert replay([*better, promoted(4, 2)]).looks == 0
    assert replay([*better, promoted(3, 2), promoted(4, 3)]).looks == 3  # not shown over the one that it replaces


def test_entries_from_before_comparisons_were_counted_keep_their_hashes() -> None:
    old = {name: value for name, value in asdict(entry(1, "")).items() if name not in ("test", "verdict")}
    assert digest(["f", {**old, "hash": ""}]) == old["hash"]
    assert chain("f", [(1, json.loads(json.dumps(old)))])


@pytest.mark.parametrize("changed", [{"champion": 2}, {"status": "rejected"}, {"looks": 4}])
def test_a_decision_is_refused_once_the_ledger_says_something_else(changed: dict[str, Any]) -> None:
    now = replay([*(entry(1, "", version=v) for v in (1, 2)), entry(1, "", event="promote"), compared(2, "better", 1)])
    right = Seen(1, "pending", 1)
    rules, stale = Rules("f", "gate", right), Rules("f", "gate", replace(right, **changed))
    assert rules.compare(now, 2, "better", "t", "").previous == 1
    assert rules.approve(now, 2, "")
    for decide in (stale.approve, stale.reject):
        with pytest.raises(StaleError, match="Compare again"):
            decide(now, 2, "", *([()] if decide == stale.reject else []))
    with pytest.raises(StaleError, match="the champion was"):
        stale.promote(now, 2)


def test_time_never_runs_backwards() -> None:
    ahead = (datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="milliseconds")
    assert next_time([entry(1, "", time=ahead)]) == ahead


def test_rollbacks_go_back_one_after_the_other() -> None:
    def moved(*moves: tuple[str, int]) -> list[Entry]:
        ready = [
            entry(i, "", event=event, version=v) for v in (1, 2, 3) for i, event in enumerate(("register", "approve"))
        ]
        return [*ready, *(entry(9, "", event=event, version=version) for event, version in moves)]

    ups = [("promote", 1), ("promote", 2), ("promote", 3)]
    assert (replay(moved(*ups)).champion, replay(moved(*ups)).fallback) == (3, 2)
    back = replay(moved(*ups, ("rollback", 2)))
    assert (back.champion, back.fallback) == (2, 1)
    assert replay(moved(*ups, ("rollback", 2), ("promote", 3))).champions == (1, 2, 3)
    assert replay(moved(*ups, ("reject", 2))).fallback == 1


def change(root: Path, statement: str) -> None:
    with sqlite3.connect(root / "mlflow.db") as database:
        assert database.execute(statement).rowcount


TAGS = "model_version_tags SET value = replace(value, '\"ann\"', '\"eve\"') WHERE name = 'reviews.ledger'"


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (f"UPDATE {TAGS} AND version = 2", "entry 2 was changed"),
        ("DELETE FROM model_versions WHERE name = 'reviews.ledger' AND version = 2", "entry 2 is missing"),
        ("DELETE FROM model_versions WHERE name = 'reviews.ledger' AND version = 4", "recorded end is '4'"),
        ("DELETE FROM registered_model_tags WHERE name = 'reviews.ledger'", "recorded end is ''"),
    ],
)
def test_a_hand_in_the_database_is_noticed(statement: str, said: str, filled: Registry, root: Path) -> None:
    filled.approve("reviews", 1)
    change(root, statement)
    for verb in (filled.history, filled.versions, filled.rollback):
        with pytest.raises(LedgerError, match=f"tampered with: .*{said}"):
            verb("reviews")


def test_a_ledger_that_is_gone_is_noticed(filled: Registry, root: Path) -> None:
    filled.approve("reviews", 1)
    MlflowClient(f"sqlite:///{root / 'mlflow.db'}").delete_registered_model("reviews.ledger")
    with pytest.raises(LedgerError, match="version 1 has a decision, but no entry in the ledger"):
        filled.promote("reviews", 1)


class Crash(BaseException):
    """Nothing catches it, as nothing catches kill -9."""


def crash(*_: Any, **__: Any) -> Any:
    raise Crash


def test_a_promotion_cut_off_is_finished_by_the_next_verb(
    filled: Registry, root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = MlflowClient(f"sqlite:///{root / 'mlflow.db'}")
    for number in (1, 2):
        filled.approve("reviews", number)
        filled.promote("reviews", number)
    with monkeypatch.context() as cut:
        cut.setattr(MlflowClient, "set_registered_model_alias", crash)
        with pytest.raises(Crash):
            filled.rollback("reviews")
    champion = filled.champion("reviews")
    assert champion
    assert champion.number == 1
    assert client.get_model_version_by_alias("reviews", "champion").version in (2, "2")
    assert filled.rollback("reviews").number == 1  # finished, and not done twice
    assert client.get_model_version_by_alias("reviews", "champion").version in (1, "1")
    assert "reviews: the alias champion was 2, but the ledger says 1: corrected." in caplog.text
    assert [e.event for e in filled.history("reviews")].count("rollback") == 1


def test_a_registration_cut_off_is_finished_by_the_next_verb(
    opened: Registry,
    bundles: Callable[[int], Path],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    opened.register("reviews", bundles(1), record())
    with monkeypatch.context() as cut:
        cut.setattr(aliases, "_registered", crash)
        with pytest.raises(Crash):
            opened.register("reviews", bundles(2), record(), by="ann")
    assert [entry.version for entry in opened.history("reviews")] == [1]
    assert [(v.number, v.status) for v in opened.versions("reviews")] == [(2, "pending"), (1, "pending")]
    assert opened.approve("reviews", 2).status == "approved"
    assert "the registration of version 2 was interrupted; now it is complete" in caplog.text
    assert [(e.event, e.version, e.by) for e in opened.history("reviews")][1] == ("register", 2, "ann")
    with monkeypatch.context() as cut:
        cut.setattr(MlflowClient, "create_model_version", crash)
        with pytest.raises(Crash):
            opened.register("reviews", bundles(3), record())
    assert len(opened.versions("reviews")) == 2
    assert opened.register("reviews", bundles(3), record()).number == 3


def test_an_answer_that_got_lost_is_not_appended_twice(filled: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.exceptions import MlflowException

    append = MlflowClient.create_model_version
    lost = [True]

    def once(self: MlflowClient, *given: Any, **named: Any) -> Any:
        made = append(self, *given, **named)
        if lost.pop() if lost else False:
            raise MlflowException("timed out")
        return made

    monkeypatch.setattr(MlflowClient, "create_model_version", once)
    filled.approve("reviews", 1)
    assert [e.event for e in filled.history("reviews")].count("approve") == 1


def crowd(root: Path, *words: str, **environment: str) -> None:
    command = [sys.executable, str(CROWD), words[0], str(root), *words[1:]]
    subprocess.run(command, check=True, timeout=280, env={**os.environ, **environment}, cwd=root)


def require_intact(root: Path) -> list[Entry]:
    """Nothing that a process was told it decided is missing, and MLflow says what the ledger says; the entries."""
    told = {name for path in root.glob("told-*.json") for name in json.loads(path.read_text())}
    with registry(root) as opened:
        found = opened.history("reviews")
        # more may be there: where the store was busy after an entry was in, its writer was told of that instead
        assert told <= {entry.hash for entry in found if entry.event != "register"}
        opened.approve("reviews", 3)  # puts right what a store that was busy left behind
        require_same(root, opened)
    return found


def require_same(root: Path, opened: Registry) -> None:
    """MLflow's alias is what the ledger says."""
    home = MlflowClient(f"sqlite:///{root / 'mlflow.db'}").get_registered_model("reviews")
    champion = opened.champion("reviews")
    assert str(home.aliases.get("champion")) == str(champion and champion.number)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["decide", "apart"])
def test_many_processes_lose_nothing(what: str, root: Path, three: Path) -> None:
    """Of one machine, which take turns; of several, which race."""
    shutil.copy(three / "mlflow.db", root / "mlflow.db")
    uri = f"sqlite:///{root / 'mlflow.db'}"
    crowd(root, what, "8", "3", **({"MLFLOW_TRACKING_URI": uri} if what == "apart" else {}))
    appended = len(ledger_store.stored(MlflowClient(uri), "reviews"))
    found = require_intact(root)
    assert len(found) > 4
    assert appended == len(found) or what == "apart"


@pytest.mark.slow
def test_kill_9_at_any_moment_of_promote(root: Path, three: Path) -> None:
    shutil.copy(three / "mlflow.db", root / "mlflow.db")
    with registry(root) as opened:
        for number in (1, 2):
            opened.approve("reviews", number)
    crowd(root, "kill", "8")
    with registry(root) as opened:
        moves = [entry for entry in opened.history("reviews") if entry.event == "promote"]
        assert len({entry.by for entry in moves}) > 2  # so many of the eight got that far
        assert all(entry.version != entry.previous for entry in moves)
        opened.approve("reviews", 3)
        require_same(root, opened)
        assert opened.promote("reviews", 3).aliases == ("champion",)


@pytest.mark.parametrize(("code", "calls"), [("PERMISSION_DENIED", 1), ("INTERNAL_ERROR", 1), ("BAD_REQUEST", 1)])
def test_what_is_no_lost_race_is_raised_at_once(
    code: str, calls: int, filled: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.exceptions import MlflowException

    asked: list[int] = []

    def refuse(*_: Any, **__: Any) -> Any:
        asked.append(1)
        raise MlflowException("no", getattr(databricks_pb2, code))

    with monkeypatch.context() as refusing:
        refusing.setattr(MlflowClient, "create_model_version", refuse)
        with pytest.raises(MlflowException, match="no"):
            filled.approve("reviews", 1)
    assert len(asked) == calls
    assert filled.approve("reviews", 1).status == "approved"


def test_a_lost_race_is_run_again(filled: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite says that it is locked; MLflow gives up after three attempts at a number."""
    from mlflow.exceptions import MlflowException

    append = MlflowClient.create_model_version
    lost = [
        MlflowException("database is locked", databricks_pb2.TEMPORARILY_UNAVAILABLE),
        MlflowException("Model Version creation error (name=reviews.ledger). Giving up after 3 attempts."),
    ]

    def late(self: MlflowClient, *given: Any, **named: Any) -> Any:
        if lost:
            raise lost.pop()
        return append(self, *given, **named)

    monkeypatch.setattr(MlflowClient, "create_model_version", late)
    assert filled.approve("reviews", 1).status == "approved"
    assert lost == []


def test_a_hand_that_moved_the_champion_swallows_no_rollback(filled: Registry, root: Path) -> None:
    client = MlflowClient(f"sqlite:///{root / 'mlflow.db'}")
    for number in (1, 2, 3):
        filled.approve("reviews", number)
        filled.promote("reviews", number)
    assert filled.rollback("reviews").number == 2
    client.set_registered_model_alias("reviews", "champion", "3")
    assert filled.rollback("reviews").number == 1
    assert [e.event for e in filled.history("reviews")].count("rollback") == 2


def test_other_reasons_are_another_decision(filled: Registry) -> None:
    """The gate under other terms, then a person: the ledger has each, and the last one counts."""
    for _ in range(2):
        filled.reject("reviews", 1, note="the gate", reasons=["too slow"], by="gate")
    filled.reject("reviews", 1, note="the gate", reasons=["worse"], by="gate")
    assert filled.get("reviews", 1).reasons == ("worse",)
    filled.reject("reviews", 1, by="ann")
    filled.reject("reviews", 1, by="bob")
    decided = [(e.by, e.reasons) for e in filled.history("reviews") if e.event == "reject"]
    assert decided == [("gate", ("too slow",)), ("gate", ("worse",)), ("ann", ())]
    assert filled.get("reviews", 1).reasons == ()
