"""What tests of batch jobs do again and again."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from volant.service.jobs.job import FINAL, Job
from volant.service.jobs.jobs import Jobs


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().split("\n") if line]


def ended(jobs: Jobs, job: Job, patience: float = 20) -> Job:
    deadline = time.monotonic() + patience
    while (now := jobs.store.get(job.id)).state not in FINAL or now.ended is None:
        assert time.monotonic() < deadline, now
        time.sleep(0.02)
    return now


def echo(_: Job) -> Callable[[Sequence[str]], list[dict[str, Any]]]:
    return lambda texts: [{"label": text[:1]} for text in texts]


def written(text: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(text, encoding="utf-8")
