"""Texts as token ids, up to a maximum length: the same for training, export and service."""

import unicodedata
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from volant.bundle.runtime.windows import Window, cuts

Item = TypeVar("Item")

HEAD = "head"
HEAD_TAIL = "head_tail"
WINDOWS = "windows"
SPACE = "▁"  # before a word, in SentencePiece's vocabularies


class Reader:
    """A tokenizer that truncates texts to a maximum length; the same in training as in a bundle.

    Args:
        tokenizer: A `tokenizers.Tokenizer`; it is configured for this reader.
        max_length: Maximum number of tokens, including the special tokens that the tokenizer adds.
        truncation: Part of a longer text that is kept: `head`, the first tokens; `head_tail`, the first half and the
            last half of `max_length`; `windows`, all of it, in windows of `max_length`.

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

    def windows(self, texts: Sequence[str]) -> list[Window]:
        """Return the windows of each text: one with all tokens, or several that overlap where it has too many.

        The reader is one of `WINDOWS`, which truncates nothing. A token without characters has 0 to 0.
        """
        room = self._length - self._added
        windows = []
        for text, encoding in enumerate(self._tokenizer.encode_batch(list(texts))):
            windows += _windows(text, encoding, characters(texts[text], encoding), room)
        return windows

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


def characters(text: str, encoding: Any) -> np.ndarray:
    """Return the first character of each token of a text and the one after its last, (T, 2) int64; 0 to 0 for none.

    Two things differ from what the tokenizer says. The space before a word, if it is a token of its own, has no
    characters, in place of those of the word. A letter has its combining marks, which the tokenizer may have joined.

    Args:
        text: The text.
        encoding: Its tokens.
    """
    offsets = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
    spaces = [k for k, token in enumerate(encoding.tokens[:-1]) if token == SPACE]
    offsets[[k for k in spaces if offsets[k, 0] == offsets[k + 1, 0]]] = 0
    if text.isascii():
        return offsets
    starts = set(offsets[:, 0].tolist())
    for token in np.flatnonzero(offsets[:, 1] > offsets[:, 0]):
        end = int(offsets[token, 1])
        while end < len(text) and end not in starts and unicodedata.category(text[end])[0] == "M":
            end += 1
        offsets[token, 1] = end
    return offsets


def _windows(text: int, encoding: Any, offsets: np.ndarray, room: int) -> list[Window]:
    own = np.flatnonzero(np.array(encoding.special_tokens_mask) == 0)
    left = int(own[0]) if len(own) else len(encoding.ids)
    right = len(encoding.ids) - left - len(own)
    windows = []
    for start, end in cuts(len(own), room):
        picked = [*range(left), *range(left + start, left + end), *range(left + len(own), len(encoding.ids))]
        ids = [encoding.ids[k] for k in picked]
        windows.append(Window(text, start, ids, offsets[picked], left, right))
    return windows


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
