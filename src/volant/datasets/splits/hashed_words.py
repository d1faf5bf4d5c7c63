"""Words and word pairs of texts as hashed columns: those of scikit-learn's HashingVectorizer, without its import.

MurmurHash3 of the UTF-8 bytes, of all words of some texts at a time
(https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

COLUMNS = 1 << 24
CHUNK = 5_000  # texts hashed at a time, so that memory stays bounded
SPACE = ord(" ")
LINE = ord("\n")
FIRST = np.uint32(0xCC9E2D51)
SECOND = np.uint32(0x1B873593)
ADDED = np.uint32(0xE6546B64)


def hashed_words(texts: Sequence[str]) -> Any:
    """Return the words of each text, and its pairs of neighbouring words, hashed: sparse, binary (N, 2^24).

    Example:
        >>> hashed_words(["a fine film", "a fine", ""]).sum(axis=1).tolist()
        [5, 3, 0]
    """
    columns = [np.empty(0, dtype=np.int32)]
    sizes = [np.zeros(1, dtype=np.int64)]
    for at in range(0, len(texts), CHUNK):
        hashes, rows = _chunk(texts[at : at + CHUNK])
        columns.append(hashes)
        sizes.append(rows)
    return binary_rows(np.concatenate(columns), np.cumsum(np.concatenate(sizes)))


def binary_rows(columns: np.ndarray, starts: np.ndarray) -> Any:
    """Return rows of ones at these columns: sparse (N, 2^24).

    Args:
        columns: Columns of all rows, one row after the other; a column may recur in a row.
        starts: Where each row begins in `columns`, and where the last one ends, (N + 1,).
    """
    from scipy.sparse import csr_array

    rows = csr_array((np.ones(len(columns), dtype=np.int8), columns, starts), shape=(len(starts) - 1, COLUMNS))
    rows.sum_duplicates()
    rows.data[:] = 1
    return rows


def _chunk(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Columns of the words and pairs of some texts, text by text, and how many each text has."""
    lines = "".join(f"{' '.join(text.split())}\n" for text in texts).encode()
    letters = np.frombuffer(lines, dtype=np.uint8)
    ends = np.flatnonzero((letters == SPACE) | (letters == LINE))
    starts = np.concatenate([[0], ends[:-1] + 1])
    row = np.cumsum(letters[ends] == LINE) - (letters[ends] == LINE)
    words = np.flatnonzero(ends > starts)  # a text without words is an empty line
    paired = np.flatnonzero(row[words[1:]] == row[words[:-1]])
    firsts = np.concatenate([words, words[paired]])
    lasts = np.concatenate([words, words[paired + 1]])
    hashes = _murmur(letters, starts[firsts], ends[lasts])
    rows = row[firsts]
    columns = (np.abs(hashes.view(np.int32).astype(np.int64)) % COLUMNS).astype(np.int32)
    return columns[np.argsort(rows, kind="stable")], np.bincount(rows, minlength=len(texts))


def _murmur(letters: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """MurmurHash3 (N,) of the bytes from each start to its end, 32 bits, seed 0; sums and products are modulo 2^32."""
    padded = np.concatenate([letters, np.zeros(4, dtype=np.uint8)]).astype(np.uint32)
    fours = padded[:-3] | padded[1:-2] << 8 | padded[2:-1] << 16 | padded[3:] << 24  # little-endian at each place
    sizes = ends - starts
    order = np.argsort(-sizes, kind="stable")  # the longest first: those with a block left are a beginning
    blocks = sizes[order] // 4
    mixed = np.zeros(len(order), dtype=np.uint32)
    for block in range(int(blocks[0]) if len(blocks) else 0):
        long = np.searchsorted(-blocks, -block, side="left")
        mixed[:long] ^= _scrambled(fours[starts[order[:long]] + 4 * block])
        mixed[:long] = _rotated(mixed[:long], 13) * np.uint32(5) + ADDED
    left = (sizes[order] % 4).astype(np.uint32)
    rest = fours[ends[order] - left] & ((np.uint32(1) << (np.uint32(8) * left)) - np.uint32(1))
    hashes = np.empty_like(mixed)
    hashes[order] = _finished(mixed ^ _scrambled(rest) ^ sizes[order].astype(np.uint32))
    return hashes


def _scrambled(values: np.ndarray) -> np.ndarray:
    return _rotated(values * FIRST, 15) * SECOND


def _rotated(values: np.ndarray, bits: int) -> np.ndarray:
    return values << np.uint32(bits) | values >> np.uint32(32 - bits)


def _finished(values: np.ndarray) -> np.ndarray:
    """Let each bit of the hash depend on each bit before."""
    values = (values ^ values >> np.uint32(16)) * np.uint32(0x85EBCA6B)
    values = (values ^ values >> np.uint32(13)) * np.uint32(0xC2B2AE35)
    return values ^ values >> np.uint32(16)
