"""The cost of a bundle: size on disk, load time, latency of one text, texts per second."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

T = TypeVar("T")
WARM_UP = 5  # the first calls allocate memory and fill caches, which a running service has done already
# enough for a 99th percentile; a slow model stops at the time limit
TEXTS = 200
SECONDS = 20.0


def latencies(predict: Callable[[list[str]], object], texts: Sequence[str], seconds: float = SECONDS) -> list[float]:
    """Return the milliseconds of each call with one text, on texts spread evenly over the rows.

    Args:
        predict: Function that predicts a list of texts.
        texts: Texts to choose from.
        seconds: Time limit of the measurement.
    """
    sample = [texts[int(k)] for k in np.linspace(0, len(texts) - 1, min(TEXTS, len(texts)))]
    for text in sample[:WARM_UP]:
        predict([text])
    milliseconds: list[float] = []
    end = time.perf_counter() + seconds
    for text in sample:
        start = time.perf_counter()
        predict([text])
        milliseconds.append((time.perf_counter() - start) * 1000)
        if time.perf_counter() > end:
            break
    return milliseconds


def timed(call: Callable[[], T]) -> tuple[T, float]:
    """Return the result of a call, and its duration in seconds."""
    start = time.perf_counter()
    return call(), time.perf_counter() - start


def folder_size(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def speed_metrics(
    size: int, load_seconds: float, milliseconds: list[float], texts_per_second: float
) -> dict[str, float]:
    """Return the figures under the names that `dvc metrics show` lists.

    Args:
        size: Size of the bundle in bytes.
        load_seconds: Time to load it in seconds.
        milliseconds: Latency of each text.
        texts_per_second: Throughput in batches.

    Example:
        >>> speed_metrics(2_000_000, 0.5, [1.0, 2.0, 3.0], 400.0)["latency_p50_ms"]
        2.0
    """
    p50, p99 = np.percentile(milliseconds, [50, 99])
    return {
        "size_bytes": size,
        "load_seconds": round(load_seconds, 3),
        "latency_p50_ms": round(float(p50), 3),
        "latency_p99_ms": round(float(p99), 3),
        "texts_per_second": round(texts_per_second, 1),
    }
