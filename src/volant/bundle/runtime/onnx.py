"""Runtime of an ONNX model: ONNX Runtime, and its tokenizer with `tokenizers`."""

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
from volant.bundle.runtime.windows import join
from volant.kinds.outputs import CELLS, LENGTH

TOKENIZER = "tokenizer.json"
BATCH_TOKENS = 192  # padded tokens per batch: little padding, and it fits a core's caches; more is no faster
ROUNDS = 6  # minimum batches per thread: with small last batches, threads wait less for each other
SPIN_MICROSECONDS = "30"  # that an idle thread spins
CGROUP = Path("/sys/fs/cgroup")


class OnnxRuntime:
    """A tokenizer and an ONNX graph `(input_ids, attention_mask) -> logits`, or outputs of any shape over tokens.

    Each core computes its own small batches, in a session of one thread: that is faster than all cores on one large
    batch. A single batch is computed by all cores, in another session. `OMP_NUM_THREADS` sets the number of cores.

    Args:
        folder: Folder of the bundle.
        runtime: The manifest's `runtime` section.
    """

    def __init__(self, folder: Path, runtime: Mapping[str, Any]) -> None:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        self._reader = Reader(tokenizer, runtime["max_length"], runtime.get("truncation", HEAD))
        self._pad = runtime["pad_id"]
        self._count = configured_threads() or cores()
        self._threads = ThreadPoolExecutor(self._count, "onnx")
        load = partial(session, folder / runtime["model"], runtime.get("disabled_optimizers", []))
        self._each = load(1)
        self._all = load(self._count) if self._count > 1 else self._each
        self._outputs = {output.name: output.shape for output in self._each.get_outputs()}

    def logits(self, texts: Sequence[str]) -> Any:
        """Return the logits of cleaned texts (N), (N, L) or `TokenOutputs`, computed in batches of similar length."""
        axes = {name: shape[1] for name, shape in self._outputs.items()}
        if not {LENGTH, CELLS}.isdisjoint(axes.values()):
            windows = self._reader.windows(texts)
            return join(windows, self._by_token([window.ids for window in windows]), axes)
        ((_, width),) = self._outputs.values()
        result = np.empty((len(texts), width), dtype=np.float32)
        for rows, (logits,) in self._computed(self._reader.ids(texts)):
            result[rows] = logits
        return result

    def _computed(self, ids: list[list[int]]) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
        """Yield the rows of each batch, and its outputs."""
        lengths = np.array([len(row) for row in ids])
        groups = list(batches(lengths, share(int(lengths.sum()), self._count)))
        inputs = [_pick(ids, rows) for rows in groups]
        if len(inputs) > 1:
            outputs = self._threads.map(partial(self._run, self._each), inputs)
        else:
            outputs = map(partial(self._run, self._all), inputs)
        return zip(groups, outputs, strict=True)

    def _by_token(self, ids: list[list[int]]) -> dict[str, list[np.ndarray]]:
        """Return the outputs of each row without the padding of its batch."""
        values: dict[str, list[np.ndarray]] = {name: [np.empty(0)] * len(ids) for name in self._outputs}
        for rows, outputs in self._computed(ids):
            for (name, shape), output in zip(self._outputs.items(), outputs, strict=True):
                tokens = shape[1] == LENGTH
                for row, value in zip(rows, output, strict=True):
                    values[name][row] = value[: len(ids[row])] if tokens else value
        return values

    def _run(self, graph: Any, ids: list[list[int]]) -> list[np.ndarray]:
        width = max(map(len, ids), default=0)
        inputs = np.full((len(ids), width), self._pad, dtype=np.int64)
        mask = np.zeros((len(ids), width), dtype=np.int64)
        for row, tokens in enumerate(ids):
            inputs[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        return graph.run(None, {"input_ids": inputs, "attention_mask": mask})


def _pick(ids: list[list[int]], rows: np.ndarray) -> list[list[int]]:
    return [ids[row] for row in rows]


def session(model: Path, disabled_optimizers: Sequence[str], threads: int) -> Any:
    """Load a graph as an `onnxruntime.InferenceSession`, optimised as it was when the bundle was made.

    Args:
        model: The ONNX file.
        disabled_optimizers: Names of optimisers of ONNX Runtime to disable.
        threads: Number of threads of the session.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # a single text's next product starts before a sleeping thread wakes; longer spinning takes cores from others
    options.add_session_config_entry("session.intra_op.spin_duration_us", SPIN_MICROSECONDS)
    return onnxruntime.InferenceSession(
        str(model), options, providers=["CPUExecutionProvider"], disabled_optimizers=disabled_optimizers
    )


def configured_threads() -> int | None:
    """Return the number of threads in `OMP_NUM_THREADS`, if set: a number, or one for each level (`4,2`).

    Source: https://www.openmp.org/spec-html/5.1/openmpse59.html
    """
    number = re.match(r"\s*(\d+)", os.environ.get("OMP_NUM_THREADS", ""))
    return int(number[1]) if number else None


def cores(limits: Path = CGROUP) -> int:
    """Return the number of cores that this process may use, within its affinity and its container's quota.

    Args:
        limits: Folder where the kernel exposes a container's limits.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(allowed, quota(limits) or allowed)


def quota(limits: Path = CGROUP) -> int | None:
    """Return the number of cores that a container may use (`docker run --cpus`), rounded up; None without a limit.

    Args:
        limits: Folder where the kernel exposes a container's limits.

    Source: https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files, and version 1's `cpu.cfs_quota_us`
    """
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            microseconds, period = map(int, " ".join((limits / name).read_text() for name in names).split())
        except (OSError, ValueError):  # the file doesn't exist, or holds `max`
            continue
        if microseconds > 0 and period > 0:
            return math.ceil(microseconds / period)
    return None


def share(tokens: int, threads: int) -> int:
    """Return the padded tokens per batch with which every thread gets equally many batches.

    Args:
        tokens: Number of all tokens without padding; padding adds about a fifth.
        threads: Number of threads.

    Example:
        >>> share(100, threads=2), share(400, threads=2), share(10_000, threads=2)
        (10, 40, 188)
    """
    padded = tokens * 1.2
    rounds = max(ROUNDS, math.ceil(padded / BATCH_TOKENS / threads))
    return math.ceil(padded / (rounds * threads))


def batches(lengths: np.ndarray, budget: int = BATCH_TOKENS) -> Iterator[np.ndarray]:
    """Yield row numbers grouped by similar length, each group within `budget` padded tokens; a longer row is alone.

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
