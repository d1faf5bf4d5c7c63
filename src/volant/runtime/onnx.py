"""Runs an ONNX model with ONNX Runtime and its tokenizer with `tokenizers`."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

TOKENIZER = "tokenizer.json"
BATCH_TOKENS = 2048  # padded tokens a batch: small enough for the caches, large enough to fill two cores


class OnnxRuntime:
    """A tokenizer and an ONNX graph `(input_ids, attention_mask) -> logits`."""

    def __init__(self, folder: Path, runtime: Mapping[str, Any]) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        self._tokenizer.enable_truncation(runtime["max_length"])
        self._tokenizer.no_padding()
        self._pad = runtime["pad_id"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "0"))
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(folder / runtime["model"]), options, providers=["CPUExecutionProvider"]
        )

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """Logits (N, L) of cleaned texts, computed in batches of like length and put back in order."""
        encodings = self._tokenizer.encode_batch_fast(list(texts))
        lengths = np.array([len(e.ids) for e in encodings])
        outputs = [(rows, self._run([encodings[i].ids for i in rows])) for rows in batches(lengths)]
        result = np.empty((len(texts), outputs[0][1].shape[1] if outputs else 0), dtype=np.float32)
        for rows, logits in outputs:
            result[rows] = logits
        return result

    def _run(self, ids: list[list[int]]) -> np.ndarray:
        width = max(map(len, ids), default=0)
        inputs = np.full((len(ids), width), self._pad, dtype=np.int64)
        mask = np.zeros((len(ids), width), dtype=np.int64)
        for row, tokens in enumerate(ids):
            inputs[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        return np.asarray(self._session.run(None, {"input_ids": inputs, "attention_mask": mask})[0])


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
