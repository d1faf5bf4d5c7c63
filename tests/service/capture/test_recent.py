"""The last answers, found by their id: by another process, after a kill, within their bounds."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from support.collecting import answered
from support.projects import ROOT
from volant.service.capture.recent import FILE, LOOKUPS, TRIM, Recent
from volant.service.errors import RefusedError


@pytest.fixture
def recent(tmp_path: Path) -> Iterator[Recent]:
    made = Recent(tmp_path, ["email"])
    yield made
    made.close()


def test_another_worker_finds_what_this_one_answered(recent: Recent, tmp_path: Path) -> None:
    other = Recent(tmp_path)
    recent.add([answered("e1", "by ann@example.com"), answered("e2")])
    assert (found := other.find("e1"))
    assert (found.text, found.version, found.annotation.scores) == ("by [email]", "3", {"fresh": 0.9, "rotten": 0.1})
    other.close()
    assert recent.find("gone") is None
    assert recent.find("e2") == answered("e2")
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert b"ann@example.com" not in (tmp_path / FILE).read_bytes()


def test_unknown_ids_hold_few_threads_however_many_ask(recent: Recent) -> None:
    def ask(number: int) -> int:
        try:
            recent.find(f"unknown-{number}")
        except RefusedError as error:
            return error.status
        return 404

    begun = time.monotonic()
    with ThreadPoolExecutor(80) as pool:
        statuses = Counter(pool.map(ask, range(80)))
    assert statuses[404] >= LOOKUPS
    assert statuses[503] > 40
    assert time.monotonic() - begun < 5  # 80 that each hold a thread
    assert recent.find("unknown") is None  # and those who come later are looked up again


def test_one_worker_claims_an_answer(recent: Recent, tmp_path: Path) -> None:
    other = Recent(tmp_path)
    recent.add([answered("e1")])
    assert [recent.claim("e1"), other.claim("e1"), recent.claim("e1"), other.claim("gone")] == [
        True,
        False,
        False,
        False,
    ]
    recent.add([answered("e1")])  # the same again is not another one
    assert not recent.claim("e1")
    other.close()


@pytest.mark.parametrize(("most", "characters"), [(100, 10**9), (10**9, 40_000)])
def test_only_the_last_ones_are_kept(tmp_path: Path, most: int, characters: int) -> None:
    recent = Recent(tmp_path, most=most, characters=characters)
    for start in range(0, 5000, 500):
        recent.add([answered(f"e{number}") for number in range(start, start + 500)])
        assert recent.find(f"e{start + 499}")  # and so it is written
    recent.close()
    with closing(sqlite3.connect(tmp_path / FILE)) as base:
        ids = [row[0] for row in base.execute("SELECT id FROM given ORDER BY n")]
    assert len(ids) <= 100 + TRIM
    assert ids == [f"e{number}" for number in range(5000 - len(ids), 5000)]


def test_a_file_that_is_no_database_is_begun_anew(recent: Recent, tmp_path: Path) -> None:
    (tmp_path / FILE).parent.mkdir(parents=True)
    (tmp_path / FILE).write_bytes(b"no database" * 1000)
    recent.add([answered("e1")])
    assert recent.find("e1") is None  # and nobody is harmed
    recent.add([answered("e2")])
    assert recent.find("e2")


KILLED = """
import sys, time
from pathlib import Path
from support.collecting import answered
from volant.service.capture.recent import Recent
recent = Recent(Path(sys.argv[1]))
recent.add([answered("e1")])
time.sleep(1)
print("ready", flush=True)
for number in range(10**9):
    recent.add([answered(f"x{number}")])
    time.sleep(0.0001)
"""


def test_a_kill_harms_nothing_that_was_written(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    recent = Recent(tmp_path)
    assert recent.find("e1") == answered("e1")
    recent.add([answered("e2")])
    assert recent.find("e2")
    recent.close()


def test_what_is_lost_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("volant.service.capture.recent.WAITING", 10)
    monkeypatch.setattr("volant.service.capture.recent.INTERVAL", 60)  # so that all wait
    recent = Recent(tmp_path)
    recent.add([answered(f"e{number}") for number in range(8)])
    assert recent.dropped == 0
    recent.add([answered(f"e{number}") for number in range(8, 13)])
    assert recent.dropped == 3
    assert recent.find("e3") == answered("e3")  # the oldest are dropped
    with closing(sqlite3.connect(tmp_path / FILE)) as base:
        assert base.execute("SELECT count(*) FROM given").fetchone() == (10,)
    (tmp_path / FILE).write_bytes(b"no database" * 1000)
    recent.add([answered("e13")])
    recent.claim("e13")
    assert recent.dropped == 4


def test_none_is_kept_where_none_is_wanted(tmp_path: Path) -> None:
    before = Recent(tmp_path)
    before.add([answered("e1")])
    before.close()
    assert (tmp_path / FILE).exists()
    none = Recent(tmp_path, most=0)
    none.add([answered("e2")])
    assert none.find("e2") is None
    none.close()
    assert not (tmp_path / FILE).exists()
