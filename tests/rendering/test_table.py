"""At 80 columns no table cuts a name or a number: what is least important is left out, and a line says so."""

import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from volant.config.listing import Listed, show_flywheels
from volant.datasets import overview
from volant.datasets.catalogue import Card
from volant.evaluation.results import show_results
from volant.flywheel.gate import show as show_gate
from volant.flywheel.gate.comparison import Comparison
from volant.flywheel.gate.condition import Condition
from volant.flywheel.gate.decision import Decision
from volant.rendering.table import Column, Table
from volant.service.feedback.items import Item
from volant.service.feedback.table import show as show_feedback
from volant.tracking.difference import Difference
from volant.tracking.ledger import Entry
from volant.tracking.tables import show_difference, show_history, show_versions
from volant.tracking.version import Version
from volant.workspace.terminal import Console

FLYWHEEL = "customer-complaints-of-the-northern-branch-2026"
DATASET = "april-labels-of-two-annotators-1a2b3c4d"
SLICE = "the-branches-in-the-north-of-2026"
PERSON = "annegret.hohenstein@example.org"
INTERVAL = (0.811111, 0.888888)
Show = Callable[[Console], None]


def printed(show: Show, width: int = 80) -> str:
    stream = io.StringIO()
    show(Console(file=stream, width=width))
    return stream.getvalue()


def table(*rows: tuple[str, ...]) -> Table:
    columns = [Column("name", wraps=True, least=8), Column("accuracy"), Column("size", drop=2), Column("age", drop=1)]
    built = Table(*columns)
    for row in rows or [("a name", "0.8123", "12.5 MB int8", "11 min")]:
        built.add_row(*row)
    return built


def test_all_columns_stand_where_there_is_room() -> None:
    shown = printed(table().show)
    assert all(word in shown for word in ("a name", "0.8123", "12.5 MB int8", "11 min"))
    assert "Left out" not in shown


@pytest.mark.parametrize(("width", "dropped"), [(47, ""), (46, "size"), (32, "size"), (31, "size, age")])
def test_the_least_important_columns_are_left_out_first(width: int, dropped: str) -> None:
    shown = printed(table(("a name of words", "0.8123", "12.5 MB int8", "11 min")).show, width)
    left_out = shown.partition("Omitted at")[2]
    assert left_out.partition(": ")[2].partition(".")[0] == dropped
    assert max(map(len, shown.splitlines()[:-1])) <= width
    assert "0.8123" in shown


def test_the_line_below_names_json_only_where_there_is_json() -> None:
    assert "Use a wider terminal or --json to see them." in printed(table().show, 20)
    other = Table("a", Column("size", drop=1), json=False)
    other.add_row("word", "12.5 megabytes")
    assert "Use a wider terminal to see them.\n" in printed(other.show, 12)


def test_what_is_never_left_out_goes_on_in_the_next_line() -> None:
    shown = printed(table(("n" * 100, "0.8123", "", "")).show, 40)
    assert "…" not in shown
    assert shown.count("n") - shown.partition("┡")[0].count("n") >= 100
    assert "0.8123" in shown


def version(number: int) -> Version:
    metrics: dict[str, float] = {"macro_f1": 0.844621, "accuracy": 0.849123}
    return Version(
        flywheel=FLYWHEEL,
        number=number,
        status="approved",
        created=datetime.now(UTC),
        by="somebody.with.a.name@example.org",
        family="transformer",
        precision="int8",
        size_bytes=25_400_000,
        metric="macro_f1",
        metrics=metrics,
        intervals=dict.fromkeys(metrics, INTERVAL),
        datasets=[DATASET, "march-0a0b0c0d"],
        data={},
        commit="0" * 40,
        config="1" * 64,
        digest="2" * 64,
        run_id="3" * 32,
        source="s3://lake/1/models",
        aliases=("champion",),
    )


def entry(seq: int) -> Entry:
    facts = {"bundle": "b", "commit": "c0ffee1", "data": "da7a123", "config": "f"}
    time = "2026-05-01T10:11:12.000+00:00"
    return Entry(
        seq=seq, time=time, event="promote", version=128, previous=127, by=PERSON, note="", reasons=(), prev="", **facts
    )


def gate(console: Console) -> None:
    slices = [{"slice": "region", "value": SLICE, "new": 0.8, "old": 0.9, "difference": -0.1, "support": 12_345}]
    comparison = Comparison(
        rows=2562,
        left_out=0,
        metric="macro_f1",
        new=0.8446,
        old=0.7967,
        new_interval=INTERVAL,
        old_interval=INTERVAL,
        difference=0.0479,
        interval=(0.0332, 0.0626),
        p_value=0.002,
        mcnemar=0.001,
        verdict="better",
        low=0.0306,
        spread=0.01,
        look=1,
        slices=[row | {"fell": True} for row in slices],
    )
    note = f"macro_f1 0.8446 against 0.7967 on 2,562 rows of {FLYWHEEL}: +0.0479 (+0.0332 to +0.0626, p 0.002)"
    conditions = (
        Condition("against the champion", "not_enough_rows", "a loss over 0.01 excluded", True, note),
        Condition("macro_f1 by slice", 0.0337712, "none falls by more than 0.1", True),
    )
    show_gate(Decision(conditions), comparison, console)


def results(console: Console) -> None:
    names = ("macro_precision", "weighted_precision", "subset_accuracy")
    figures = dict.fromkeys(names, 0.8446123)
    details = {
        **{"kind": "multilabel", "metric": "weighted_precision", "scores": figures, "labels": [{"support": 1}]},
        "intervals": dict.fromkeys(names, INTERVAL),
        "baselines": {"majority": figures, "chance": figures},
        "calibration": {"ece": 0.01, "ece_before": 0.02},
    }
    speed = {"size_bytes": 1, "latency_p50_ms": 1.0, "latency_p99_ms": 2.0, "texts_per_second": 3.0}
    show_results(FLYWHEEL, {"details": details, "speed": speed, "train": {"precision": "int8"}}, console)


def datasets(console: Console) -> None:
    labels = {"delivery-was-late": 1200, "the-product-was-broken": 800, "refund": 3}
    card = Card(DATASET, FLYWHEEL, "train", "x", "csv", 123_456, labels, "2026-05-01T10:11:12", 1, "0")
    overview.show([card, card], {DATASET: list(range(100, 130))}, console)


def flywheels(console: Console) -> None:
    about = "Complaints of customers, by what they are about, from four years of letters"
    show_flywheels([Listed(FLYWHEEL, True, "multilabel", "emotions-transformer", "ingested", about)], console)


def feedback(console: Console) -> None:
    texts = dict.fromkeys(("flywheel", "model", "key", "comment", "client"), FLYWHEEL)
    item = Item(
        id="0123456789abcdef",
        event_id="fedcba9876543210",
        version="12",
        text="the parcel came late " * 5,
        kind="classify",
        prediction='{"label": "delivery-was-late"}',
        gold='{"label": "the-product-was-broken"}',
        correct=None,
        time="2026-05-01T10:11:12",
        reasons=("the client sends too many items of one label",),
        **texts,
    )
    show_feedback(FLYWHEEL, [item], console)


def difference(console: Console) -> None:
    metrics: dict[str, Any] = dict.fromkeys(("weighted_precision", "macro_f1"), (0.844612, 0.796712))
    config = {"model.training.learning_rate": ("0.000123456", "0.000654321")}
    data = {"datasets": (["march-0a0b0c0d"], ["march-0a0b0c0d", "april-1a2b3c4d"])}
    show_difference(Difference(FLYWHEEL, (127, 128), metrics, config, data, 0, 0, []), console)


CASES: dict[str, tuple[Show, list[str]]] = {
    "versions": (
        lambda console: show_versions([version(128), version(127)], console),
        ["128", "approved", "0.8446 (0.8111 to 0.8889)", "champion"],
    ),
    "history": (
        lambda console: show_history([entry(1041), entry(1042)], console),
        ["1042", "2026-05-01 10:11:12", "promote", "128 (was 127)", "annegret.hohenstein"],
    ),
    "gate": (gate, ["0.8446", "+0.0479", "not_enough_rows", "0.03377", SLICE, "0.800", "0.900", "-0.100"]),
    "results": (results, ["weighted_precision", "subset_accuracy", "0.845", "0.811 to 0.889"]),
    "datasets": (datasets, [DATASET, "TRAIN", "123,456"]),
    "flywheels": (flywheels, [FLYWHEEL, "live"]),
    "feedback": (feedback, ["0123456789abcdef", "delivery-was-late", "the-product-was-broken"]),
    "difference": (difference, ["weighted_precision", "0.8446", "0.7967", "-0.0479", "april-1a2b3c4d", "0.000654321"]),
}


@pytest.mark.parametrize(("show", "whole"), CASES.values(), ids=CASES)
def test_at_80_columns_names_and_numbers_are_whole(show: Show, whole: list[str]) -> None:
    shown = printed(show)
    assert "…" not in shown.replace("ID…, or volant feedback reject …", "")
    assert "..." not in shown
    drawn = [line for line in shown.splitlines() if line[:1] in "┏┃┡│└"]
    assert all(len(line) <= 80 for line in drawn)
    for word in whole:
        assert word in shown, shown


@pytest.mark.parametrize("name", ["versions", "history", "datasets", "flywheels", "feedback"])
def test_wider_terminals_show_all(name: str) -> None:
    show = CASES[name][0]
    assert "Omitted at 80 columns: " in printed(show)
    assert "Left out" not in printed(show, 300)
