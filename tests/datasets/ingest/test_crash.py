"""Killed at any moment, or several at once: the lake has the whole dataset or none, and the next ingest goes on."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.lake import rows_csv, written
from support.texts import reviews
from volant.datasets import catalogue
from volant.datasets.ingest.ingest import Options, ingest
from volant.datasets.ingest.labels import add_labels
from volant.datasets.ingest.lock import locked, recover
from volant.errors import VolantError

pytestmark = pytest.mark.slow
# a fork of a process that has imported everything: what is timed is the ingest, not Python's start
SERVER = """
import os, sys, time
import dvc.repo, dvc.repo.add, sklearn.feature_extraction.text
import volant.datasets.ingest.ingest as m, volant.datasets.splits.near_duplicates
for line in sys.stdin:
    delay, *files = line.split()
    child = os.fork()
    if not child:
        try:
            m.ingest("mine", files, "train")
        finally:
            os._exit(0)
    start = time.monotonic()
    while not os.waitpid(child, os.WNOHANG)[0]:
        if time.monotonic() - start > float(delay):
            os.kill(child, 9)
            os.waitpid(child, 0)
            break
        time.sleep(0.005)
    print(time.monotonic() - start, flush=True)
"""


def run(project: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "volant", *arguments]
    return subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def consistent(project: Path) -> int:
    """Every dataset is whole; how many there are."""
    found = catalogue.tables("mine", "train", project)
    for card, table in found:
        assert len(table) == card.rows
        assert Path(f"{catalogue.rows_path(card, project)}.dvc").exists()
    return len(found)


def test_killed_at_random_moments(project: Path) -> None:
    rng, command = random.Random(0), [sys.executable, "-c", SERVER]
    server = subprocess.Popen(command, cwd=project, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdin
    assert server.stdout
    before, whole, seen = 0, 60.0, set()
    for turn in range(10):
        file = written(project / f"rows/{turn}.csv", reviews(60, seed=turn))
        delay = rng.uniform(0, 1.2 * whole) if turn else whole
        server.stdin.write(f"{delay} {file}\n")
        server.stdin.flush()
        took = float(server.stdout.readline())
        after = consistent(project)
        assert after in (before, before + 1)
        whole = took if after > before else whole  # how long one takes that nobody kills
        left = list(catalogue.home("mine", "train", project).glob("*.parquet*"))
        seen |= {after - before} | ({"leftovers"} if len(left) > 2 * after else set())
        before = after
    server.stdin.close()
    server.wait(timeout=30)
    file = written(project / "rows/last.csv", reviews(60, seed=99))
    assert ingest("mine", [file], "train", root=project).added == 60
    assert consistent(project) == before + 1
    kept = {p.name for p in catalogue.home("mine", "train", project).iterdir() if p.name != ".gitignore"}
    assert len(kept) == 3 * (before + 1), "rows, card and .dvc of each, and no more"
    status = [sys.executable, "-m", "dvc", "status"]
    done = subprocess.run(status, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {0, 1} <= seen, "the moments were spread"


def test_several_at_once_lose_nothing(project: Path) -> None:
    files = [written(project / f"rows/{n}.csv", reviews(30, seed=n)) for n in range(3)]
    jobs = [run(project, "ingest", "mine", file, "--split", "train", "--json") for file in files]
    outs = [job.communicate(timeout=240)[0] for job in jobs]
    assert [job.returncode for job in jobs] == [0] * 3, outs
    cards = catalogue.cards("mine", project)
    assert sorted(card.number for card in cards) == [1, 2, 3]
    assert consistent(project) == 3


def test_who_holds_the_lake_is_said(project: Path) -> None:
    file = rows_csv(project / "rows/a.csv", [("a film", "fresh")])
    code = "import sys, volant.datasets.ingest.lock as m\nwith m.locked('mine'): print(flush=True), sys.stdin.read()"
    holder = subprocess.Popen(
        [sys.executable, "-c", code], cwd=project, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout
    holder.stdout.readline()
    with pytest.raises(VolantError, match=f"held by process {holder.pid} "), locked("mine", project, patience=0.2):
        pass
    waiting = run(project, "ingest", "mine", file, "--split", "train", "--json")
    time.sleep(0.1)
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    out = waiting.communicate(timeout=120)[0]
    assert waiting.returncode == 0, out
    assert json.loads(out.splitlines()[-1])["added"] == 1


def test_killed_between_conf_and_card_the_label_is_taken_back(project: Path) -> None:
    conf, params = project / "conf/flywheel/mine.yaml", project / "params.yaml"
    before = (conf.read_text(), params.read_text())
    new = rows_csv(project / "rows/new.csv", [("a film like others", "so-so")])
    killed = (
        "import os, volant.datasets.ingest.ingest as m\nfrom volant.datasets import catalogue\n"
        "catalogue.write = lambda *_: os.kill(os.getpid(), 9)\n"
        f"m.ingest('mine', [{new!r}], 'train', m.Options(new_labels=True))"
    )
    done = subprocess.run([sys.executable, "-c", killed], cwd=project, check=False)
    assert done.returncode == -signal.SIGKILL
    assert "so-so" in conf.read_text()
    other = rows_csv(project / "rows/other.csv", [("a film", "fresh")])
    assert ingest("mine", [other], "train", root=project).added == 1
    assert (conf.read_text(), params.read_text()) == before
    subprocess.run([sys.executable, "-c", killed], cwd=project, check=False)
    assert ingest("mine", [new], "train", Options(new_labels=True), project).new_labels == ["so-so"]
    assert "so-so" in conf.read_text()
    assert "so-so" in params.read_text()
    assert consistent(project) == 2


def test_a_hand_in_conf_is_left_alone(project: Path) -> None:
    conf = project / "conf/flywheel/mine.yaml"
    add_labels("mine", ["so-so"], project / "data/mine/lake/train/x-01234567.parquet", project)
    conf.write_text(conf.read_text() + "# mine\n")
    recover("mine", project)
    assert "so-so" in conf.read_text()
    assert list(project.glob(".volant/widening/*")) == []


def test_only_what_an_ingest_leaves_is_removed(project: Path) -> None:
    lake = catalogue.home("mine", "train", project)
    own = [
        "x-01234567.parquet",
        "x-01234567.parquet.dvc",
        ".rows.parquet.01234567.part",
        ".x-01234567.json.0a1b2c3d.part",
    ]
    own += ["..rows.parquet.01234567.part.89abcdef.part"]
    foreign = [".download.part", ".rows.csv.01234567.part", "mine.parquet", "notes.parquet.bak"]
    for name in own + foreign:
        (lake / name).write_text("x")
    assert sorted(path.name for path in recover("mine", project)) == sorted(own)
    assert {path.name for path in lake.iterdir()} == {".gitignore", *foreign}


def test_a_broken_lock_file_of_dvc_is_mended(project: Path) -> None:
    (project / ".dvc/tmp").mkdir(exist_ok=True)
    (project / ".dvc/tmp/rwlock").write_text('{"write": {')
    file = rows_csv(project / "rows/a.csv", [("a film", "fresh")])
    assert ingest("mine", [file], "train", root=project).added == 1
