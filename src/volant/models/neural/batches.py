"""Rows to batches: rows of similar length together, padded to the longest. Importing this imports torch."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import Sampler
from transformers.trainer_pt_utils import get_length_grouped_indices


class LengthGroups(Sampler[int]):
    """Row numbers in a new order each epoch, with rows of similar length together.

    The order depends on seed and epoch alone, so that a resumed training sees the same batches.
    """

    def __init__(self, lengths: list[int], batch_size: int, seed: int) -> None:
        self._lengths = lengths
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch; accelerate calls this at the start of each."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self._seed * 1009 + self._epoch)
        return iter(get_length_grouped_indices(self._lengths, self._batch_size, generator=generator))


def collate(stack: Callable[[Sequence[Any]], Any], rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return a batch: token ids and mask (B, T), or pooled states (B, D); and the labels.

    Outputs of frozen layers, where rows have them, are padded to `states` (B, T, D).

    Args:
        stack: Function of the head from the targets of rows to those of a batch.
        rows: Rows of the batch.
    """
    labels = stack([row["labels"] for row in rows])
    if "pooled" in rows[0]:
        return {"pooled": torch.as_tensor(np.stack([row["pooled"] for row in rows])), "labels": labels}
    batch = {**pad([row["input_ids"] for row in rows]), "labels": labels}
    if "states" in rows[0]:
        states = [torch.from_numpy(row["states"]).float() for row in rows]
        batch["states"] = nn.utils.rnn.pad_sequence(states, batch_first=True)
    return batch


def pad(ids: Sequence[Sequence[int]]) -> dict[str, torch.Tensor]:
    """Return token ids, padded with 0, and their mask, each (B, T) with T the longest row."""
    tensors = [torch.as_tensor(row, dtype=torch.long) for row in ids]
    return {
        "input_ids": nn.utils.rnn.pad_sequence(tensors, batch_first=True),
        "attention_mask": nn.utils.rnn.pad_sequence([torch.ones_like(t) for t in tensors], batch_first=True),
    }


def pad_rows(ids: Sequence[Sequence[int]], rows: Iterable[int], device: str) -> dict[str, torch.Tensor]:
    """Return the padded token ids and the mask of some rows, each (B, T), on a device.

    Args:
        ids: Token ids of all rows.
        rows: Positions of the rows of the batch.
        device: Name of the device, as `cpu`.
    """
    batch = pad([ids[row] for row in rows])
    return {name: tensor.to(device) for name, tensor in batch.items()}


def length(row: Mapping[str, Any]) -> int:
    """Return the number of tokens of a row; 1 if its states were computed before."""
    return len(row["input_ids"]) if "input_ids" in row else 1
