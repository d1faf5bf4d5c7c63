"""A short run of bench/fuzz.py: made-up calls and attacks on all routes; no 5xx, and /livez is always quick."""

import json
import subprocess
import sys

from support.projects import ROOT

FUZZ = ROOT / "bench/fuzz.py"


def test_no_call_breaks_the_service_or_keeps_it_from_answering() -> None:
    command = [sys.executable, str(FUZZ), "--calls", "600", "--every", "6", "--seed", "7"]
    command += ["--connections", "2", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    found = json.loads(done.stdout)
    assert (done.returncode, found["wrong"], found["tracebacks"]) == (0, [], 0), found
    assert found["calls"] == 600
    assert {"200", "401", "404", "422"} <= set(found["statuses"])
    assert found["livez_slowest"] <= 2
    assert found["stop_seconds"] < 20
