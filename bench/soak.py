"""Memory of a serving process over a day's worth of requests, with capture and feedback on.

    python bench/soak.py [--requests 200000] [--connections 8] [--bundle models/reviews] [--json]

A real server in a temporary folder answers one text a request, each one another; every 500th answer gets feedback.
Prints the resident memory of the worker, and of all processes, at the start, after the warm-up and at the end. Without
--bundle a small model of family `linear` is trained on made-up reviews.
"""

import argparse
import asyncio
import json
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pyarrow as pa

from load import running
from volant import config
from volant.config import Flywheel
from volant.stages.train import train
from volant.tracking.registry import Record, registry
from volant.workspace.files import write_table

TREE = {
    "kind": "classify",
    "description": "made up",
    "source": {},
    "cleaning": ["whitespace", "lower"],
    "model": {"_target_": "volant.models.linear.Linear", "family": "linear"},
    "metric": "macro_f1",
    "seed": 5,
}
SETTINGS = "ui: false\ncapture: {percent: 100, flush_seconds: 2}\nfeedback: {per_client_per_minute: 100000}\n"
SERVE = ("-m", "bentoml", "serve", "volant.service:Volant")
FEEDBACK = 500  # answers, of which one gets feedback
STEPS, SETTLE = 9, 5  # looks at the memory; seconds until what was captured is written
MIB = 1024 * 1024
WORDS = {"fresh": ["lovely", "superb", "moving", "charming"], "rotten": ["dull", "awful", "clumsy", "boring"]}


@dataclass
class Soak:
    """A run: how many requests, and what was seen of memory: requests done, MiB of the worker, MiB of all."""

    port: int
    process: psutil.Process
    requests: int
    asked: int = 0
    failed: int = 0
    seen: list[tuple[int, float, float]] = field(default_factory=list)

    def look(self) -> tuple[int, float, float]:
        """The memory now."""
        every = [self.process, *self.process.children(recursive=True)]
        [worker] = self.process.children()
        told = (self.asked, worker.memory_info().rss / MIB, sum(one.memory_info().rss for one in every) / MIB)
        self.seen.append(told)
        return told

    async def ask(self, connections: int) -> None:
        """Send requests over so many connections until all are answered."""
        await asyncio.gather(*(self._connection(number) for number in range(connections)))

    async def _connection(self, seed: int) -> None:
        rng = random.Random(f"{self.asked} {seed}")  # noqa: S311
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        while self.asked < self.requests:
            self.asked += 1
            number = self.asked
            answer = await post(reader, writer, "/predict", {"texts": [review(rng, rng.choice(list(WORDS)))]})
            self.failed += "predictions" not in answer
            if number % FEEDBACK == 0:
                told = {"id": answer["predictions"][0]["id"], "correct": True}
                self.failed += "status" not in await post(reader, writer, "/feedback", told)
        writer.close()


async def post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, body: Any) -> Any:
    """One request on an open connection; the JSON of its answer."""
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(data)}\r\n\r\n"
    writer.write(head.encode() + data)
    headers = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(headers.partition(b"content-length:")[2].partition(b"\r\n")[0])
    return json.loads(await reader.readexactly(length))


def review(rng: random.Random, label: str) -> str:
    """A made-up review, hardly ever the same twice."""
    filler = " ".join(f"n{rng.randrange(100_000)}" for _ in range(8))
    return f"the film was {rng.choice(WORDS[label])} and its story {rng.choice(WORDS[label])} {filler}"


def small(folder: Path) -> Path:
    """A bundle of family linear."""
    rng = random.Random(1)  # noqa: S311
    for split, count in (("train", 400), ("validation", 100)):
        labels = [rng.choice(list(WORDS)) for _ in range(count)]
        rows = [{"id": f"{split}{i}", "text": review(rng, label), "label": label} for i, label in enumerate(labels)]
        write_table(pa.Table.from_pylist(rows), folder / "data" / f"{split}.parquet")
    flywheel = config.validate(Flywheel, TREE, "flywheel")
    train("films", flywheel, folder / "data", folder / "films", folder / "work")
    return folder / "films"


def project(root: Path, bundle: Path) -> str:
    """A project whose registry has that bundle as the active version of its flywheel; returns the flywheel's name."""
    name = json.loads((bundle / "manifest.json").read_text("utf-8"))["flywheel"]
    with registry(root) as opened:
        opened.register(name, bundle, Record(config=TREE, details={}, speed={}, train={}, datasets=[]), by="soak")
        opened.approve(name, 1, by="soak")
        opened.promote(name, 1)
    (root / "params.yaml").write_text(f"seed: 1\nflywheels:\n  {name}: {{}}\n")
    (root / "service.yaml").write_text(SETTINGS)
    return name


def soak(root: Path, requests: int, warm: int, connections: int) -> dict[str, Any]:
    """Send the requests, and say what became of the memory."""
    with running(SERVE, root, "readyz", {"VOLANT_ADMIN_TOKEN": "soak"}) as (port, process):
        run = Soak(port, process, warm)
        start = run.look()
        asyncio.run(run.ask(connections))
        time.sleep(SETTLE)
        warmed, begun = run.look(), time.perf_counter()
        for step in range(1, STEPS + 1):
            run.requests = warm + (requests - warm) * step // STEPS
            asyncio.run(run.ask(connections))
            run.look()
        rate = (run.asked - warmed[0]) / (time.perf_counter() - begun)
        time.sleep(SETTLE)
        end = run.look()
        captured = sum(path.read_bytes().count(b"\n") for path in (root / ".lake/captures").rglob("[!.]*.jsonl"))
    return {
        "requests": run.asked,
        "failed": run.failed,
        "captured": captured,
        "rate": round(rate),
        "start": start,
        "warm": warmed,
        "end": end,
        "seen": run.seen,
        "worker_ratio": round(end[1] / warmed[1], 3),
        "all_ratio": round(end[2] / warmed[2], 3),
    }


def main() -> None:
    """Make a project, serve it, print what was seen."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--requests", type=int, default=200_000)
    asked.add_argument("--warm", type=int, default=20_000)
    asked.add_argument("--connections", type=int, default=8)
    asked.add_argument("--bundle", type=Path)
    asked.add_argument("--json", action="store_true")
    given = asked.parse_args()
    with TemporaryDirectory(prefix="volant-soak-") as folder:
        (root := Path(folder) / "project").mkdir()
        project(root, given.bundle.resolve() if given.bundle else small(Path(folder)))
        found = soak(root, given.requests, given.warm, given.connections)
    print(json.dumps(found) if given.json else shown(found))


def shown(found: dict[str, Any]) -> str:
    """The result in words."""
    lines = [f"{'requests':>10} {'worker':>10} {'all':>10}  (MiB)"]
    lines += [f"{asked:>10,} {worker:>10.1f} {every:>10.1f}" for asked, worker, every in found["seen"]]
    lines.append(f"{found['rate']:,} requests/s, {found['failed']} failed, {found['captured']:,} rows captured")
    grown = found["worker_ratio"], found["all_ratio"]
    return "\n".join([*lines, f"after the warm-up the worker grew {grown[0]:.3f} times, all processes {grown[1]:.3f}"])


if __name__ == "__main__":
    main()
