"""A position in [0, 1) for each unit of a split, from its own content: no other row moves it.

A split takes the units below its share. So a row stays on its side when the file grows, shrinks or is sorted again.
"""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import pyarrow as pa

BITS = 53  # bits of a hash that a float64 represents exactly


def positions(keys: Sequence[str], units: np.ndarray, salt: str) -> np.ndarray:
    """Return the position of each unit, (U,), in the order of `np.unique(units)`.

    One member represents its unit: the one with the lowest first hash, in any order of the rows. A second hash of that
    member is the position, so that large units are as likely to be low as small ones.

    Args:
        keys: Content of each row, (N,).
        units: Unit of each row, (N,).
        salt: Salt of the hashes; another one gives independent positions.

    Example:
        >>> positions(["a", "b", "c"], np.array([0, 0, 1]), "test").round(2).tolist()
        [0.86, 0.13]
    """
    encoded = pa.array(keys, pa.string()).dictionary_encode()
    key = blake2b(salt.encode()).digest()[:32]
    digests = b"".join(
        blake2b(text.encode(), digest_size=16, key=key).digest() for text in encoded.dictionary.to_pylist()
    )
    hashes = np.frombuffer(digests, dtype="<u8").reshape(-1, 2)[encoded.indices.to_numpy()]
    order = np.lexsort((hashes[:, 1], hashes[:, 0], units))
    first = np.unique(units[order], return_index=True)[1]
    return (hashes[order[first], 1] >> np.uint64(64 - BITS)) / 2.0**BITS
