"""Capture against real files and a real S3 server."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.collecting import answered, lake_on
from support.projects import ROOT
from volant.monitor.captures import find, read, sampled
from volant.monitor.redact import redact
from volant.service import settings
from volant.service.capture.capture import UNSENT, Capture
from volant.workspace.objects import Store, store


def lines(root: Path, folder: str = ".lake") -> list[str]:
    files = sorted((root / folder / "captures").rglob("*.jsonl"))
    return [line for file in files for line in file.read_text().splitlines()]


def until(true: Callable[[], bool], patience: float = 10) -> None:
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.01)


def test_layout_is_that_of_sagemaker_and_the_text_is_redacted(tmp_path: Path) -> None:
    capture = Capture(root=tmp_path)
    capture.put([answered("e1", "@ann write to bob@example.com")])
    capture.close()
    [file] = (tmp_path / ".lake").rglob("*.jsonl")
    assert file.parent == tmp_path / ".lake/captures/reviews/2026/03/04/05"
    tree = json.loads(file.read_text())
    given = tree["captureData"]["endpointInput"]
    said = tree["captureData"]["endpointOutput"]
    assert (given["mode"], given["encoding"], given["observedContentType"]) == ("INPUT", "JSON", "application/json")
    assert json.loads(given["data"]) == {"text": "[user] write to [email]"}
    assert json.loads(said["data"])["label"] == "fresh"
    assert tree["eventMetadata"] == {
        "eventId": "e1",
        "inferenceTime": "2026-03-04T05:06:07.000Z",
        "modelName": "reviews",
        "modelVersion": "3",
    }
    assert tree["eventVersion"] == "0"


def test_a_row_is_read_as_it_was(tmp_path: Path) -> None:
    given = [answered(f"e{i}", f"plain \u2028 text {i}") for i in range(5)]
    capture = Capture(root=tmp_path)
    capture.put(given)
    capture.close()
    found = find(store(tmp_path), "reviews", ["e1", "e4", "gone"])
    assert sorted(found, key=lambda one: one.event_id) == [given[1], given[4]]


def test_a_text_that_cannot_be_written_holds_up_no_other(tmp_path: Path) -> None:
    capture = Capture(root=tmp_path)
    capture.put([answered("e1", "half \ud800 a pair"), answered("e2")])
    capture.close()
    assert [read(line).text for line in lines(tmp_path)] == ["half ? a pair", "a lovely film"]


def test_flushed_by_size_and_by_time(tmp_path: Path) -> None:
    capture = Capture(settings.Capture(flush_rows=10, flush_seconds=60), tmp_path)
    capture.put([answered(f"e{i}") for i in range(9)])
    time.sleep(0.2)
    assert not lines(tmp_path)
    capture.put([answered("e9")])
    until(lambda: len(lines(tmp_path)) == 10)
    capture.close()
    quick = Capture(settings.Capture(flush_seconds=0.05), tmp_path)
    quick.put([answered("late")])
    until(lambda: len(lines(tmp_path)) == 11)
    quick.close()
    assert quick.written == 1


def test_share_is_sampled_and_feedback_keeps_the_rest(tmp_path: Path) -> None:
    capture = Capture(settings.Capture(percent=20), tmp_path)
    given = [answered(f"e{i}") for i in range(1000)]
    capture.put(given)
    left_out = next(one for one in given if not sampled(one.event_id, 20))
    kept = next(one for one in given if sampled(one.event_id, 20))
    assert capture.find(left_out.event_id) == left_out
    for one in (left_out, left_out, kept):
        capture.keep(one)
    capture.close()
    ids = [read(line).event_id for line in lines(tmp_path)]
    assert ids.count(left_out.event_id) == ids.count(kept.event_id) == 1
    assert 150 < len(ids) < 250


def test_more_than_may_wait_is_dropped_and_counted(tmp_path: Path) -> None:
    capture = Capture(settings.Capture(buffer=10, flush_rows=100, flush_seconds=60), tmp_path)
    capture.put([answered(f"e{i}") for i in range(25)])
    assert (capture.waiting, capture.dropped) == (10, 15)
    capture.close()
    assert capture.written == len(lines(tmp_path)) == 10


def test_lake_that_is_down_loses_nothing(s3: tuple[Path, str], tmp_path: Path) -> None:
    folder, endpoint = s3
    lake_on(tmp_path, "s3://absent/team", endpoint)
    capture = Capture(settings.Capture(flush_seconds=0.05), tmp_path)
    capture.put([answered("e1")])
    until(lambda: capture.failures > 0)
    capture.put([answered("e2")])
    capture.close()
    assert (capture.written, capture.dropped) == (0, 0)
    assert len(lines(tmp_path, str(UNSENT))) == 2
    lake_on(tmp_path, "s3://bucket/team", endpoint)
    again = Capture(root=tmp_path)
    again.put([answered("e3")])
    again.close()
    assert not lines(tmp_path, str(UNSENT))
    found = find(Store(again._store.lake), "reviews", ["e1", "e2", "e3"])
    assert sorted(one.event_id for one in found) == ["e1", "e2", "e3"]
    assert len(list((folder / "bucket/team/captures").rglob("*.jsonl"))) == 2


KILLED = """
import sys, time
from pathlib import Path
from support.collecting import answered
from volant.service import settings
from volant.service.capture.capture import Capture
capture = Capture(settings.Capture(flush_rows=50, flush_seconds=0.05), Path(sys.argv[1]))
number = 0
while True:
    capture.put([answered(f"e{number}")])
    number += 1
    print(number, flush=True)
    time.sleep(0.001)
"""


def test_kill_9_loses_at_most_what_waits(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout
    until(lambda: int(process.stdout.readline()) > 300, 20)  # type: ignore[union-attr]
    process.send_signal(signal.SIGKILL)
    put = int(process.stdout.read().split()[-1])
    process.wait()
    ids = [read(line).event_id for line in lines(tmp_path)]  # every line is whole
    assert len(ids) == len(set(ids))
    # what waits for 50 rows or 50 ms, and what came while it was written
    assert put - 400 < len(ids) <= put + 1


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("call (555) 123-4567 now", "call [phone] now"),
        ("06 12 34 56 78", "[phone]"),
        ("+1.555.123.4567!", "[phone]!"),
        ("4111 1111 1111 1111", "[phone]"),
        ("in 1999 and 2001, 10/10, 2026-11-21 14:05", "in 1999 and 2001, 10/10, 2026-11-21 14:05"),
        ("https://example.com/a?u=ann@example.com", "[url]"),
        ("a@b.example, @carl", "[email], [user]"),
        ("1234567", "1234567"),
    ],
)
def test_redaction(text: str, kept: str) -> None:
    assert redact(text, ["email", "phone", "url", "user"]) == kept


def test_redaction_takes_no_longer_than_the_text() -> None:
    start = time.perf_counter()
    for text in ("1 " * 10_000, "@" * 20_000, "a." * 10_000, "1-" * 10_000 + "x", "+" * 20_000):
        redact(text, ["email", "phone", "url", "user"])
    assert time.perf_counter() - start < 2
