"""Texts as token ids, up to a maximum length: the same for training, export and service."""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

Item = TypeVar("Item")

HEAD = "head"
HEAD_TAIL = "head_tail"


class Reader:
    """A tokenizer that truncates texts to a maximum length; the same in training as in a bundle.

    Args:
        tokenizer: A `tokenizers.Tokenizer`; it is configured for this reader.
        max_length: Maximum number of tokens, including the special tokens that the tokenizer adds.
        truncation: Part of a longer text that is kept: `head`, the first tokens; `head_tail`, the first half and the
            last half of `max_length`.

    Source: Sun et al. 2019, How to Fine-Tune BERT for Text Classification?, https://arxiv.org/abs/1905.05583
    """

    def __init__(self, tokenizer: Any, max_length: int, truncation: str = HEAD) -> None:
        tokenizer.no_padding()
        if truncation == HEAD:
            tokenizer.enable_truncation(max_length)
        else:
            tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self._length = max_length
        self._added = tokenizer.num_special_tokens_to_add(False)

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text."""
        return [both_ends(encoding.ids, self._length) for encoding in self._tokenizer.encode_batch_fast(list(texts))]

    def offsets(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Return for each text the first character of each token and the one after its last, (T, 2) int64.

        Both are 0 for a token without characters, such as the one at the start of a text.
        """
        encodings = self._tokenizer.encode_batch(list(texts))
        pairs = (both_ends(encoding.offsets, self._length) for encoding in encodings)
        return [np.array(offsets, dtype=np.int64).reshape(-1, 2) for offsets in pairs]

    def measured(self, texts: Sequence[str]) -> tuple[list[list[int]], dict[str, float]]:
        """Return the token ids of each text, the share of truncated texts, and the share of tokens that are read."""
        ids: list[list[int]] = []
        whole = np.zeros(len(texts), dtype=np.int64)
        for row, encoding in enumerate(self._tokenizer.encode_batch_fast(list(texts))):
            parts = [encoding, *encoding.overflowing]  # the tokens after the truncation, if the tokenizer truncates
            whole[row] = sum(len(part.ids) - self._added for part in parts)
            ids.append(both_ends(encoding.ids, self._length))
        read = np.array([len(row) - self._added for row in ids], dtype=np.int64)
        shares = {"texts_cut": (whole > read).mean() if len(texts) else 0.0}
        shares["tokens_read"] = read.sum() / whole.sum() if whole.sum() else 1.0
        return ids, {name: round(float(share), 4) for name, share in shares.items()}


def both_ends(ids: list[Item], length: int) -> list[Item]:
    """Return the first and the last half of `length` items, one per token, if there are more than `length`.

    Example:
        >>> both_ends([1, 2, 3, 4, 5, 6], 4), both_ends([1, 2], 4)
        ([1, 2, 5, 6], [1, 2])
    """
    if len(ids) <= length:
        return ids
    last = length // 2
    return ids[: length - last] + ids[-last:]
