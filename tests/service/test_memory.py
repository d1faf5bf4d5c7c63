"""Memory of a serving process: it doesn't grow with the requests that it answered."""

import json
import subprocess
import sys

from support.projects import ROOT

SOAK = ROOT / "bench/soak.py"
# the whole soak has 200,000
REQUESTS = 10_000
WARM = 4_000


def test_requests_do_not_add_up_in_memory() -> None:
    command = [sys.executable, str(SOAK), "--requests", str(REQUESTS), "--warm", str(WARM), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["requests"], found["failed"], found["captured"]) == (REQUESTS, 0, REQUESTS)
    assert found["worker_ratio"] < 1.1, found["seen"]
    assert found["all_ratio"] < 1.1, found["seen"]
