"""Runs an ONNX model with ONNX Runtime and its tokenizer with `tokenizers`."""

import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from volant.bundle.runtime.reader import HEAD, Reader

TOKENIZER = "tokenizer.json"
BATCH_TOKENS = 192  # padded tokens a batch: hardly any padding, and a core's caches hold it; more gains nothing
ROUNDS = 6  # batches of each thread at least: the smaller the last, the shorter one waits for the other
SPIN_MICROSECONDS = "30"  # that a thread without work waits awake
CGROUP = Path("/sys/fs/cgroup")


class OnnxRuntime:
    """A tokenizer and an ONNX graph `(input_ids, attention_mask) -> logits`.

    Each core computes small batches of its own, in a session of one thread: that is faster than all cores on one large
    batch. Only a lone one has all of them, in another session. `OMP_NUM_THREADS` says how many cores.
    """

    def __init__(self, folder: Path, runtime: Mapping[str, Any]) -> None:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        self._reader = Reader(tokenizer, runtime["max_length"], runtime.get("truncation", HEAD))
        self._pad = runtime["pad_id"]
        self._count = asked_threads() or cores()
        self._threads = ThreadPoolExecutor(self._count, "onnx")
        load = partial(session, folder / runtime["model"], runtime.get("disabled_optimizers", []))
        self._each = load(1)
        self._all = load(self._count) if self._count > 1 else self._each

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """Logits (N, L) of cleaned texts, computed in batches of like length and put back in order."""
        read = self._reader.ids(texts)
        lengths = np.array([len(row) for row in read])
        groups = list(batches(lengths, share(int(lengths.sum()), self._count)))
        ids = [[read[i] for i in rows] for rows in groups]
        if len(ids) > 1:
            outputs = list(self._threads.map(partial(self._run, self._each), ids))
        else:
            outputs = [self._run(self._all, tokens) for tokens in ids]
        result = np.empty((len(texts), self._each.get_outputs()[0].shape[1]), dtype=np.float32)
        for rows, logits in zip(groups, outputs, strict=True):
            result[rows] = logits
        return result

    def _run(self, graph: Any, ids: list[list[int]]) -> np.ndarray:
        width = max(map(len, ids), default=0)
        inputs = np.full((len(ids), width), self._pad, dtype=np.int64)
        mask = np.zeros((len(ids), width), dtype=np.int64)
        for row, tokens in enumerate(ids):
            inputs[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        return np.asarray(graph.run(None, {"input_ids": inputs, "attention_mask": mask})[0])


def session(model: Path, disabled_optimizers: Sequence[str], threads: int) -> Any:
    """A loaded graph, an `onnxruntime.InferenceSession` on this many threads, optimised as it was when it was made."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # a lone text's next product comes sooner than a thread wakes up; spinning longer takes its core from the others
    options.add_session_config_entry("session.intra_op.spin_duration_us", SPIN_MICROSECONDS)
    return onnxruntime.InferenceSession(
        str(model), options, providers=["CPUExecutionProvider"], disabled_optimizers=disabled_optimizers
    )


def asked_threads() -> int | None:
    """How many threads `OMP_NUM_THREADS` asks for, if it does: a number, or one for each level (`4,2`).

    Source: https://www.openmp.org/spec-html/5.1/openmpse59.html
    """
    number = re.match(r"\s*(\d+)", os.environ.get("OMP_NUM_THREADS", ""))
    return int(number[1]) if number else None


def cores(limits: Path = CGROUP) -> int:
    """How many cores this process may use: those it may run on, or its container's share of them if that is less.

    Args:
        limits: Where the kernel tells a container its limits.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(allowed, quota(limits) or allowed)


def quota(limits: Path = CGROUP) -> int | None:
    """How many cores a container may keep busy (`docker run --cpus`), rounded up; none where there is no limit.

    Source: https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files, and version 1's `cpu.cfs_quota_us`

    Args:
        limits: Where the kernel tells a container its limits.
    """
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            microseconds, period = map(int, " ".join((limits / name).read_text() for name in names).split())
        except (OSError, ValueError):  # no such file, or `max`
            continue
        if microseconds > 0 and period > 0:
            return math.ceil(microseconds / period)
    return None


def share(tokens: int, threads: int) -> int:
    """Padded tokens of a batch, so that every thread has as many batches as the others.

    Args:
        tokens: All of them, without padding: a fifth comes to them.
        threads: Which share them.

    Example:
        >>> share(100, threads=2), share(400, threads=2), share(10_000, threads=2)
        (10, 40, 188)
    """
    padded = tokens * 1.2
    rounds = max(ROUNDS, math.ceil(padded / BATCH_TOKENS / threads))
    return math.ceil(padded / (rounds * threads))


def batches(lengths: np.ndarray, budget: int = BATCH_TOKENS) -> Iterator[np.ndarray]:
    """Row numbers grouped by like length, each group within `budget` padded tokens (a longer row goes alone).

    Example:
        >>> [rows.tolist() for rows in batches(np.array([1, 9, 2, 8]), budget=16)]
        [[1], [3, 2], [0]]
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        size = max(1, budget // max(1, int(lengths[order[start]])))
        yield order[start : start + size]
        start += size
