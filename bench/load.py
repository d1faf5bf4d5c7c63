"""Load on a server: so many connections that each send one request after the other for so many seconds."""

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import numpy as np


@dataclass(frozen=True)
class Load:
    """What came of it."""

    requests: int
    seconds: float
    failed: int
    milliseconds: np.ndarray

    def to_json(self, texts: int) -> dict[str, float]:
        """Requests and texts a second, latencies, and what failed."""
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
    """Send `bodies` in turn, over keep-alive connections; an answer that isn't 2xx has failed."""
    return asyncio.run(_load(url, bodies, connections, seconds))


async def _load(url: str, bodies: Sequence[Any], connections: int, seconds: float) -> Load:
    turn, times, failed = itertools.cycle(bodies), list[float](), 0
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as session:

        async def send() -> None:
            nonlocal failed
            while time.perf_counter() < end:
                start = time.perf_counter()
                async with session.post(url, json=next(turn)) as response:
                    await response.read()
                    failed += response.status // 100 != 2
                times.append((time.perf_counter() - start) * 1000)

        begun = time.perf_counter()
        end = begun + seconds
        await asyncio.gather(*(send() for _ in range(connections)))
    return Load(len(times), time.perf_counter() - begun, failed, np.array(times))
