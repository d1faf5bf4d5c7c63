"""A full disk under a running service: it answers, says so in words, and goes on when there is room."""

import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from support.projects import ENVIRONMENT
from support.serving import ADMIN, FILM, Server, serving, workers
from volant.service.telemetry import counters

COUNTING = """
import os, sys
os.environ["PROMETHEUS_MULTIPROC_DIR"] = sys.argv[1]
from volant.service.telemetry import counters
counters.use()
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
counter = Counter("films", "Films", ["name"], registry=CollectorRegistry())
for number in range(500):
    counter.labels(f"a film with a long name {number}").inc()
    counters.save()
counter.labels("last").inc(7)
registry = CollectorRegistry()
MultiProcessCollector(registry)
page = generate_latest(registry).decode()
print(page.count("films_total{"), 'films_total{name="last"} 7.0' in page)
"""

FULL = re.compile(r"No space left on device\. Nothing was stored|disk of this service is full, and nothing was stored")


def test_counters_go_on_in_memory_where_their_file_takes_no_more(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COUNTING, str(tmp_path)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000)),
    )
    assert (done.returncode, done.stdout.split()) == (0, ["501", "True"]), done.stderr
    assert done.stderr.count("continue in memory") == 1
    [file] = tmp_path.iterdir()  # whole, as it was last written; no part of one
    assert 4000 < file.stat().st_size <= 5000


@pytest.fixture
def small_disk(made: Path, tmp_path: Path) -> Iterator[Server]:
    """A service whose own folder is a small disk in memory."""
    shutil.copytree(made, root := tmp_path / "p", ignore=shutil.ignore_patterns("service"))
    home = root / ".volant/service"
    home.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(home)]
    if os.geteuid() or not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may make a small disk")
    try:
        with serving(root, output=root / "said") as running:
            yield running
    finally:
        subprocess.run(["umount", "-l", str(home)], check=False)


def test_a_service_answers_and_says_so_while_its_disk_is_full(small_disk: Server) -> None:
    call = small_disk.call
    said = small_disk.root / "said"
    fill = small_disk.root / ".volant/service/fill"
    before = workers(small_disk)
    with fill.open("wb", buffering=0) as stream, suppress(OSError):
        while True:
            stream.write(b"\0" * 512)
    admin = {"Authorization": f"Bearer {ADMIN}"}
    for number in range(5):
        assert call("POST", "/predict", {"texts": [FILM], "model": "reviews"})[0] == 200
        status, found, _ = call("POST", "/feedback", {"text": f"{number}", "label": "fresh", "model": "reviews"})
        assert (status, bool(FULL.search(found["error"]))) == (507, True)
        status, found, _ = call("POST", "/deployments", {"name": "x", "flywheel": "reviews", "version": 2}, **admin)
        assert (status, bool(FULL.search(found["error"]))) == (507, True)
    file = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\na\r\n--x\r\n'
    file += b'Content-Disposition: form-data; name="model"\r\n\r\nreviews\r\n--x--\r\n'
    status, found, _ = call("POST", "/jobs", file, Content_Type="multipart/form-data; boundary=x")
    assert (status, bool(FULL.search(found["error"]))) == (507, True)
    deadline = time.monotonic() + 2 * counters.INTERVAL_OF_ONE
    while "Counters can't be written" not in said.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert 'volant_requests_total{model="reviews",status="200"} 5.0' in call("GET", "/metrics")[1]
    assert workers(small_disk) == before  # none of them ended
    assert "Traceback" not in said.read_text()
    fill.unlink()
    assert call("POST", "/feedback", {"text": "room", "label": "fresh", "model": "reviews"})[0] == 200
    assert call("POST", "/deployments", {"name": "x", "flywheel": "reviews", "version": 2}, **admin)[0] == 201
