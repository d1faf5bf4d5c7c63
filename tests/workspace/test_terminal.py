"""What other people wrote is shown in a terminal, and never commands it."""

import io
import json
import re

import pytest
from rich.table import Table

from support.projects import ROOT
from volant.cli.client import show as show_answers
from volant.service.feedback.items import Item
from volant.service.feedback.table import show as show_feedback
from volant.workspace.terminal import HIDDEN, Console, json_line, plain

EVIL = "a\x1b[2J\x1b]0;title\x07\x9b31m\x7f\r\u202eb\u2066\u200b\ufeff\U000e0041 \ud800\x00 end"
SOURCES = ROOT / "src/volant"


def printed(*what: object, **options: bool) -> str:
    stream = io.StringIO()
    Console(file=stream, width=400).print(*what, **options)  # type: ignore[arg-type]
    return stream.getvalue()


def evil_item() -> Item:
    texts = dict.fromkeys(("id", "event_id", "flywheel", "model", "text", "key", "comment", "client"), EVIL)
    return Item(
        **texts,
        version=EVIL,
        kind="classify",
        prediction=json.dumps({"label": EVIL}),
        gold=json.dumps({"label": EVIL}),
        correct=None,
        time="2026",
        reasons=(EVIL,),
    )


def table() -> Table:
    made = Table(EVIL, title=EVIL)
    made.add_row(EVIL)
    return made


@pytest.mark.parametrize(
    "text",
    [
        printed(EVIL),
        printed(EVIL, markup=False, highlight=False),
        printed(f"[bold]{EVIL}[/bold]"),
        printed(table()),
    ],
)
def test_no_sequence_reaches_the_terminal(text: str) -> None:
    assert not HIDDEN.search(text)
    assert r"\x1b" in text
    assert r"\u202e" in text
    assert "end" in text


def test_tables_of_answers_and_of_feedback() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=2000)
    show_answers([{"text": EVIL, "label": EVIL, "score": 0.5, "model": EVIL, "version": EVIL}], console)
    show_feedback(EVIL, [evil_item()], console)
    show_feedback(EVIL, [], console)
    assert not HIDDEN.search(stream.getvalue())
    assert stream.getvalue().count(r"\x9b31m") >= 10


def test_widths_are_those_of_what_is_shown() -> None:
    rows = [line for line in printed(table()).split("\n") if line.strip()][1:]
    assert len({len(row) for row in rows}) == 1


def test_json_means_the_same() -> None:
    line = json_line({"text": EVIL, "more": ["caf\u00e9", 1.5]})
    assert not HIDDEN.search(line)
    assert json.loads(line) == {"text": EVIL, "more": ["caf\u00e9", 1.5]}
    assert "caf\u00e9" in line


def test_what_people_write_stays_as_it_is() -> None:
    for text in (
        "caf\u00e9\n\tna\u00efve",
        "\U0001f468\u200d\U0001f469",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\u05e9\u05dc\u05d5\u05dd",
    ):
        assert plain(text) == text


def test_nothing_is_printed_past_it() -> None:
    """A new verb must not bring back what was mended: everything goes through this console, or is such JSON."""
    seen = 0
    for path in sorted(SOURCES.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        seen += "volant.workspace.terminal import" in text
        if path.name != "terminal.py":
            assert not re.search(r"from rich\.console import|import rich\.console|rich import print", text), path
            assert not re.search(r"print\(json\.dumps", text), path
    assert seen > 30
