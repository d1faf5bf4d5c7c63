"""Files are written whole or not at all, and the same rows give the same bytes."""

import errno
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from support.texts import reviews
from volant.workspace.files import read_table, whole, write_table, write_text

WRITE = """
import resource, signal, sys
import pyarrow as pa
from pathlib import Path
from volant.workspace.files import write_table, write_text
path, rows, limit = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
if limit:  # what a full disk is to the process: a write that fails half-way
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
while True:
    table = pa.table({"id": [str(i * 7919 % 1000003) for i in range(rows)]})
    write_table(table, path)
    write_text("x" * rows, path.with_suffix(".txt"))
    print("written", flush=True)
"""


def test_same_rows_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_table(reviews(500), tmp_path / f"{name}.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert read_table(tmp_path / "a.parquet").equals(reviews(500))


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    old = pa.table({"id": ["old"]})
    write_table(old, path)
    done = subprocess.run(
        [sys.executable, "-c", WRITE, str(path), "200000", "100000"], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "File too large" in done.stderr
    assert read_table(path).equals(old)
    assert list(tmp_path.iterdir()) == [path], "no half-written file is left to fill the disk further"


def test_a_text_for_which_there_is_no_space_leaves_nothing_behind(tmp_path: Path) -> None:
    def half(path: Path) -> None:
        with whole(path) as part:
            part.write_text("half of it")
            raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "report.txt"
    write_text("old", path)
    with pytest.raises(OSError, match="No space left") as failed:
        half(path)
    assert failed.value.filename == str(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
def test_a_kill_in_the_middle_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    rng = random.Random(1)
    for _ in range(8):
        with subprocess.Popen(
            [sys.executable, "-c", WRITE, str(path), "100000", "0"], stdout=subprocess.PIPE, start_new_session=True
        ) as process:
            assert process.stdout
            process.stdout.readline()
            time.sleep(rng.random() * 0.3)
            os.killpg(process.pid, signal.SIGKILL)
        assert read_table(path).num_rows == 100_000
        assert len(path.with_suffix(".txt").read_text()) == 100_000


def test_a_missing_file_says_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="dvc repro"):
        read_table(tmp_path / "nothing.parquet")


def test_text_is_utf8_with_plain_line_ends(tmp_path: Path) -> None:
    write_text("é\n", tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_bytes() == b"\xc3\xa9\n"
