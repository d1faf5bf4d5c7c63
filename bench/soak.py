"""Memory of a serving process over many requests, with capture and feedback enabled.

    python bench/soak.py [--requests 200000] [--connections 8] [--bundle models/reviews] [--json]

A real server in a temporary folder gets one new text per request; every 500th prediction gets feedback. The resident
memory of the worker, and of all processes, is printed at the start, after the warm-up and at the end. Without --bundle,
a small model of family `linear` is trained on generated reviews.
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
    "description": "generated",
    "source": {},
    "cleaning": ["whitespace", "lower"],
    "model": {"_target_": "volant.models.linear.Linear", "family": "linear"},
    "metric": "macro_f1",
    "seed": 5,
}
SETTINGS = "ui: false\ncapture: {percent: 100, flush_seconds: 2}\nfeedback: {per_client_per_minute: 100000}\n"
SERVE = ("-m", "bentoml", "serve", "volant.service:Volant")
FEEDBACK = 500  # number of predictions of which one gets feedback
STEPS = 9  # number of measurements
SETTLE = 5  # seconds until captured rows are written
MIB = 1024 * 1024
WORDS = {"fresh": ["lovely", "superb", "moving", "charming"], "rotten": ["dull", "awful", "clumsy", "boring"]}


@dataclass
class Soak:
    """A run.

    Attributes:
        port: Port of the service.
        process: Process of the service.
        requests: Number of requests to send.
        sent: Number of requests sent.
        failed: Number of requests without a valid response.
        seen: Measurements: requests sent, MiB of the worker, MiB of all processes.
    """

    port: int
    process: psutil.Process
    requests: int
    sent: int = 0
    failed: int = 0
    seen: list[tuple[int, float, float]] = field(default_factory=list)

    def look(self) -> tuple[int, float, float]:
        """Measure the memory, and return the measurement."""
        processes = [self.process, *self.process.children(recursive=True)]
        [worker] = self.process.children()
        total = sum(process.memory_info().rss for process in processes)
        measurement = (self.sent, worker.memory_info().rss / MIB, total / MIB)
        self.seen.append(measurement)
        return measurement

    async def ask(self, connections: int) -> None:
        """Send requests over a number of connections until all have a response."""
        await asyncio.gather(*(self._connection(number) for number in range(connections)))

    async def _connection(self, seed: int) -> None:
        rng = random.Random(f"{self.sent} {seed}")  # noqa: S311
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        while self.sent < self.requests:
            self.sent += 1
            number = self.sent
            answer = await post(reader, writer, "/predict", {"texts": [review(rng, rng.choice(list(WORDS)))]})
            self.failed += "predictions" not in answer
            if number % FEEDBACK == 0:
                feedback = {"id": answer["predictions"][0]["id"], "correct": True}
                self.failed += "status" not in await post(reader, writer, "/feedback", feedback)
        writer.close()


async def post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, body: Any) -> Any:
    """Send a request on an open connection, and return the JSON of its response.

    Args:
        reader: Input of the connection.
        writer: Output of the connection.
        path: Path of the route.
        body: JSON body.
    """
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(data)}\r\n\r\n"
    writer.write(head.encode() + data)
    headers = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(headers.partition(b"content-length:")[2].partition(b"\r\n")[0])
    return json.loads(await reader.readexactly(length))


def review(rng: random.Random, label: str) -> str:
    """Return a random review, almost surely unique."""
    filler = " ".join(f"n{rng.randrange(100_000)}" for _ in range(8))
    return f"the film was {rng.choice(WORDS[label])} and its story {rng.choice(WORDS[label])} {filler}"


def small(folder: Path) -> Path:
    """Train a bundle of family linear, and return its folder."""
    rng = random.Random(1)  # noqa: S311
    for split, count in (("train", 400), ("validation", 100)):
        labels = [rng.choice(list(WORDS)) for _ in range(count)]
        rows = [{"id": f"{split}{i}", "text": review(rng, label), "label": label} for i, label in enumerate(labels)]
        write_table(pa.Table.from_pylist(rows), folder / "data" / f"{split}.parquet")
    flywheel = config.validate(Flywheel, TREE, "flywheel")
    train("films", flywheel, folder / "data", folder / "films", folder / "work")
    return folder / "films"


def project(root: Path, bundle: Path) -> str:
    """Create a project with the bundle as champion of its flywheel, and return the flywheel's name."""
    name = json.loads((bundle / "manifest.json").read_text("utf-8"))["flywheel"]
    with registry(root) as opened:
        opened.register(name, bundle, Record(config=TREE, details={}, speed={}, train={}, datasets=[]), by="soak")
        opened.approve(name, 1, by="soak")
        opened.promote(name, 1)
    (root / "params.yaml").write_text(f"seed: 1\nflywheels:\n  {name}: {{}}\n")
    (root / "service.yaml").write_text(SETTINGS)
    return name


def soak(root: Path, requests: int, warm: int, connections: int) -> dict[str, Any]:
    """Send the requests, and return the measurements.

    Args:
        root: Folder of the project.
        requests: Number of requests.
        warm: Number of them for the warm-up.
        connections: Number of connections.
    """
    with running(SERVE, root, "readyz", {"VOLANT_ADMIN_TOKEN": "soak"}) as (port, process):
        run = Soak(port, process, warm)
        start = run.look()
        asyncio.run(run.ask(connections))
        time.sleep(SETTLE)
        warmed = run.look()
        first = time.perf_counter()
        for step in range(1, STEPS + 1):
            run.requests = warm + (requests - warm) * step // STEPS
            asyncio.run(run.ask(connections))
            run.look()
        rate = (run.sent - warmed[0]) / (time.perf_counter() - first)
        time.sleep(SETTLE)
        end = run.look()
        captured = sum(path.read_bytes().count(b"\n") for path in (root / ".lake/captures").rglob("[!.]*.jsonl"))
    return {
        "requests": run.sent,
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
    """Create a project, serve it, and print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--warm", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="volant-soak-") as folder:
        (root := Path(folder) / "project").mkdir()
        project(root, options.bundle.resolve() if options.bundle else small(Path(folder)))
        result = soak(root, options.requests, options.warm, options.connections)
    print(json.dumps(result) if options.json else summary(result))


def summary(result: dict[str, Any]) -> str:
    """Return the result as text."""
    lines = [f"{'requests':>10} {'worker':>10} {'all':>10}  (MiB)"]
    lines += [f"{sent:>10,} {worker:>10.1f} {total:>10.1f}" for sent, worker, total in result["seen"]]
    lines.append(f"{result['rate']:,} requests/s, {result['failed']} failed, {result['captured']:,} rows captured")
    lines.append(
        f"memory after and before: worker {result['worker_ratio']:.3f}, all processes {result['all_ratio']:.3f} times"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
