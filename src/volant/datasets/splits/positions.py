"""A position in [0, 1) for each unit of a split, from its own content: no other row moves it.

A cut takes the units below its share. So a row stays on its side as the file grows, shrinks or is sorted anew.
"""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import pyarrow as pa

BITS = 53  # of a hash that a float64 holds exactly


def positions(keys: Sequence[str], units: np.ndarray, salt: str) -> np.ndarray:
    """Position (U,) of each unit, in the order of `np.unique(units)`.

    One member stands for its unit: the one whose first hash is lowest, whatever the order of the rows. A second hash
    of that member is the position, so that large units are as likely to be low as small ones.

    Args:
        keys: Content of each row, (N,).
        units: Unit of each row, (N,).
        salt: Another one gives other positions, independent of these.

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
