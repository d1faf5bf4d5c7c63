"""Load on a server: start it, and send requests over a number of connections for a number of seconds."""

import asyncio
import itertools
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import psutil

READY_SECONDS = 180


@dataclass(frozen=True)
class Load:
    """The result of a load test.

    Attributes:
        requests: Number of responses.
        seconds: Duration.
        failed: Number of responses with a status other than 2xx.
        milliseconds: Latency of each request, (requests,).
    """

    requests: int
    seconds: float
    failed: int
    milliseconds: np.ndarray

    def to_json(self, texts: int) -> dict[str, float]:
        """Return requests and texts per second, latencies, and the number of failures.

        Args:
            texts: Number of texts per request.
        """
        rate = self.requests / self.seconds
        p50, p99 = (round(float(np.percentile(self.milliseconds, q)), 1) for q in (50, 99))
        return {
            "requests_per_second": round(rate, 1),
            "texts_per_second": round(rate * texts, 1),
            "p50_ms": p50,
            "p99_ms": p99,
            "failed": self.failed,
        }


def load(url: str, bodies: Sequence[Any], connections: int, seconds: float) -> Load:
    """Send requests over keep-alive connections.

    Args:
        url: Address of the route.
        bodies: JSON bodies, sent in turn.
        connections: Number of connections.
        seconds: Duration.
    """
    return asyncio.run(_load(url, bodies, connections, seconds))


async def _load(url: str, bodies: Sequence[Any], connections: int, seconds: float) -> Load:
    endless = itertools.cycle(bodies)
    times: list[float] = []
    failed = 0
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as session:

        async def send() -> None:
            nonlocal failed
            while time.perf_counter() < end:
                start = time.perf_counter()
                async with session.post(url, json=next(endless)) as response:
                    await response.read()
                    failed += response.status // 100 != 2
                times.append((time.perf_counter() - start) * 1000)

        first = time.perf_counter()
        end = first + seconds
        await asyncio.gather(*(send() for _ in range(connections)))
    return Load(len(times), time.perf_counter() - first, failed, np.array(times))


@contextmanager
def running(
    command: Sequence[str], folder: Path, ready: str, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[int, psutil.Process]]:
    """Start a Python server on a free port; yield the port and the process, and stop it and its children afterwards.

    Args:
        command: Arguments of the Python interpreter.
        folder: Working directory, and folder of the log.
        ready: Path that responds once the server is ready.
        environment: Environment variables to set.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = {**os.environ, "BENTOML_DO_NOT_TRACK": "True", **(environment or {})}
    line = [sys.executable, *command, "--port", str(port)]
    with (
        (folder / f"{port}.log").open("wb") as log,
        subprocess.Popen(line, cwd=folder, env=variables, stdout=log, stderr=log) as process,  # noqa: S603
    ):
        try:
            _await(process, port, ready, Path(log.name))
            yield port, psutil.Process(process.pid)
        finally:
            for running_process in [*psutil.Process(process.pid).children(recursive=True), process]:
                running_process.terminate()


def _await(process: "subprocess.Popen[bytes]", port: int, path: str, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=1):
                return
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"The server did not respond at /{path}. Its log ends with:\n{log.read_text()[-2000:]}")
