"""The record of the rows that a bundle learned from: 8-byte hashes of their texts and groups, beside its manifest.

A later test set may hold rows that an earlier version was trained on, for example when a source file grows and is split
again. A comparison on such rows favours that version, so the gate excludes them. Serving never reads the file; like
every other file of a bundle it is listed in the manifest with its hash.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from volant.errors import VolantError
from volant.kinds.words import plain

FILE = "learned.safetensors"
HASH = np.dtype("<u8")


@dataclass(frozen=True)
class Learned:
    """Sorted hashes of the texts and of the groups that a bundle learned from, train and validation together."""

    texts: np.ndarray
    groups: np.ndarray

    def holds(self, texts: Sequence[str], groups: Sequence[object] | None = None) -> np.ndarray:
        """Return a mask (N,) of the rows whose text or group is in the record.

        Args:
            texts: Texts (N), cleaned by the bundle's own steps, as its training rows were.
            groups: Value of the group column of each row (N), if rows are grouped.
        """
        mask = np.isin(_hashes(plain(text) for text in texts), self.texts)
        if groups is None or not len(self.groups):
            return mask
        grouped = np.array([value not in (None, "") for value in groups], dtype=bool)
        return mask | (grouped & np.isin(_hashes(str(value) for value in groups), self.groups))


def record(tables: Iterable[pa.Table], group: str | None, folder: Path) -> Learned:
    """Write the record of some rows into a bundle's folder; the order of the rows doesn't matter.

    Args:
        tables: The clean rows of train and validation.
        group: Column whose equal values stay in one split, if there is one.
        folder: Folder of the bundle, before it is sealed.
    """
    texts: list[str] = []
    groups: list[str] = []
    for table in tables:
        texts += table["text"].to_pylist()
        if group in table.column_names:
            groups += [str(value) for value in table[group].to_pylist() if value not in (None, "")]
    learned = Learned(np.unique(_hashes(map(plain, texts))), np.unique(_hashes(groups)))
    save_file({"texts": learned.texts, "groups": learned.groups}, folder / FILE)
    return learned


def read(folder: Path) -> Learned | None:
    """Return the record of a verified bundle; None for a bundle from before the record existed.

    Raises:
        VolantError: If the file is not a valid record.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        hashes = load_file(path)
        return Learned(hashes["texts"].astype(HASH, casting="no"), hashes["groups"].astype(HASH, casting="no"))
    except (SafetensorError, KeyError, TypeError) as error:
        raise VolantError(
            f"{path} is not a valid record of learned rows ({error}). Train the bundle again, or `dvc pull` it."
        ) from error


def _hashes(keys: Iterable[str]) -> np.ndarray:
    digests = b"".join(hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest() for text in keys)
    return np.frombuffer(digests, HASH)
