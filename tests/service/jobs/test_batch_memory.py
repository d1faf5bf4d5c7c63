"""`volant batch` and `volant predict --file` over many lines need no more memory than over a few."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from volant.bundle.bundle import Bundle

LINES = 50_000
# Arrow's own allocator, and malloc's of many threads, keep what was freed, now more and now less of it.
ALLOCATOR = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1"}
# What the command does, and the most memory that it had, in KiB; what getrusage says would be that of the test itself,
# from which it was begun.
MEASURED = """
import sys
from pathlib import Path
from volant.cli import predict
from volant.cli.app import app
app(sys.argv[1:], standalone_mode=False)
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""


def batch(bundle: Bundle, folder: Path, count: int) -> tuple[dict[str, object], int]:
    """What the command says of a file of so many lines, and MiB."""
    file = folder / f"{count}.txt"
    out = folder / f"{count}.jsonl"
    file.write_text("".join(f"the film was lovely and n{number} its story dull\n" for number in range(count)))
    command = [sys.executable, "-c", MEASURED, "batch", str(bundle.folder), str(file), "--out", str(out), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    *_, said, peak = done.stdout.splitlines()
    assert sum(1 for _ in out.open()) == count
    return json.loads(said), int(peak) // 1024


def test_many_lines_need_no_more_memory_than_a_few(bundle: Bundle, tmp_path: Path) -> None:
    _, few = batch(bundle, tmp_path, 500)
    said, many = batch(bundle, tmp_path, LINES)
    assert (said["rows"], said["resumed"]) == (LINES, 0)
    rows = [json.loads(line) for line in (tmp_path / f"{LINES}.jsonl").read_text().splitlines()]
    assert [row["line"] for row in rows] == list(range(1, LINES + 1))
    # all of it at once would be some 30 MiB
    assert many < few + 8, (few, many)


def predict(bundle: Bundle, folder: Path, count: int, suffix: str) -> int:
    """MiB that answering a file of so many rows needed, half a kilobyte each; the answers go to Parquet."""
    file = folder / f"{count}.{suffix}"
    out = folder / f"{count}.out.parquet"
    texts = [f"the film was lovely and n{number} its story dull{' ' * 450}" for number in range(count)]
    if suffix == "csv":
        file.write_text("text\n" + "\n".join(texts))
    else:
        pq.write_table(pa.table({"text": texts}), file, use_dictionary=False)
    command = [sys.executable, "-c", MEASURED, "predict", str(bundle.folder), "--file", str(file), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | ALLOCATOR)
    assert pq.read_metadata(out).num_rows == count
    return int(done.stdout.split()[-1]) // 1024


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_predict_needs_no_more_memory_for_many_rows(bundle: Bundle, tmp_path: Path, suffix: str) -> None:
    few = predict(bundle, tmp_path, 20_000, suffix)
    many = predict(bundle, tmp_path, 60_000, suffix)
    # the texts of the rows between would be some 20 MiB, and their answers as much again
    assert many < few + 8, (few, many)
