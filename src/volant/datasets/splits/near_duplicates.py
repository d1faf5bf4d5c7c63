"""Near-duplicates among texts, detected without comparing all pairs.

MinHash with banding (Broder 1997, https://doi.org/10.1109/SEQUEN.1997.666900; Leskovec et al., Mining of Massive
Datasets, ch. 3, http://www.mmds.org) of words and of letters, and neighbours in alphabetical order (Hernandez & Stolfo
1995, https://doi.org/10.1145/223784.223807). Every candidate pair is checked by its true similarity.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from volant.datasets.splits.hashed_words import binary_rows, hashed_words
from volant.kinds.words import plain

SURE = 0.995  # probability with which a pair that is just similar enough shares a band
NEAR = 2  # rows before it that a row of a band's bucket is compared with
CHUNK = 200_000  # candidate pairs checked at a time, so that memory stays bounded
# A text within another, or with words replaced: the share of the way from the threshold to 1 that they must overlap by,
# from so many shingles on (n different words are 2 n - 1). Short texts of one template overlap as much by chance.
OVERLAPS = {15: 3 / 4, 23: 1 / 2, 79: 0}
TIMES = 3  # shingles that the larger may have for each of the smaller
EIGHT = 40  # characters of eight words; in scripts without spaces eight of them are no sentence
LETTERS = 200  # characters up to which a slip of the pen changes too many words and pairs, so letters are compared
DOUBLED = re.compile(r"([^\W\d_])\1+")
SHAPED = re.compile(r"[^\W\d_]")


def clusters(texts: Sequence[str], threshold: float) -> np.ndarray:
    """Cluster number (N,) of each text: equal for texts linked by a similarity of at least `threshold`.

    Similarity is the Jaccard index of the sets of lower-cased words and word pairs; in scripts without spaces each
    character is a word. Of eight words and more it is their overlap, so that a text cut short or added to is found; of
    short texts the letters count too, so that a slip of the pen is. Markup and web addresses don't count. At a
    threshold of 1 texts of the same words are the same, with their addresses. Texts without a word are one cluster
    only where they are equal.

    Example:
        >>> clusters(["A fine film, really!", "<p>a fine film really</p> www.a.example", "a bad film"], 0.8).tolist()
        [0, 0, 1]
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    if not texts:
        return np.empty(0, dtype=np.int64)
    encoded = pa.array(texts, pa.string()).dictionary_encode()
    shown = pa.array([plain(text, noise=threshold == 1) for text in encoded.dictionary.to_pylist()], pa.string())
    shown = shown.dictionary_encode()
    same = shown.dictionary.to_pylist()
    inverse = shown.indices.to_numpy()[encoded.indices.to_numpy()]
    if threshold == 1:
        return _renumber(inverse)
    pairs = np.concatenate([_of_words(same, threshold), _of_letters(same, threshold)])
    links = coo_matrix((np.ones(len(pairs), dtype=bool), pairs.T), shape=(len(same), len(same)))
    return _renumber(connected_components(links, directed=False)[1][inverse])


def _of_words(texts: Sequence[str], threshold: float) -> np.ndarray:
    """Pairs of texts (P, 2) that are alike by their words and pairs of words."""
    shingles = hashed_words(texts)
    long = np.array([len(text) >= EIGHT for text in texts])
    # of two texts of one length that overlap by t, the Jaccard index is t / (2 - t)
    found = _pairs(shingles, threshold / (2 - threshold), threshold, long)
    for order in (_sorted(texts), _sorted([text[::-1] for text in texts])):
        near = np.concatenate([np.stack([order[:-back], order[back:]], axis=1) for back in range(1, NEAR + 1)])
        found += _checked(shingles, near, threshold, long)
    return np.concatenate(found)


def _of_letters(texts: Sequence[str], threshold: float) -> np.ndarray:
    """Pairs of short texts (P, 2) that are alike by runs of four characters, doubled letters once, signs the same."""
    short = np.array([row for row, text in enumerate(texts) if len(text) <= LETTERS and SHAPED.search(text)], dtype=int)
    if not len(short):
        return np.empty((0, 2), dtype=np.int64)
    places: list[int] = short.tolist()
    single = [DOUBLED.sub(r"\1", texts[place]) for place in places]
    pairs = np.concatenate(_pairs(_fours(single), threshold, threshold))
    pairs = short[pairs]
    signs = [[word for word in text.split() if not SHAPED.search(word)] for text in texts]
    return pairs[[signs[left] == signs[right] for left, right in pairs.tolist()]] if len(pairs) else pairs


def _fours(texts: Sequence[str]) -> Any:
    """Runs of four characters in each text, a space before and after it, hashed: sparse, binary (N, 2^24)."""
    whole = np.frombuffer("".join(f" {text} \0\0" for text in texts).encode("utf-32-le"), dtype="<u4")
    lengths = np.array([len(text) for text in texts]) + 4
    runs = np.zeros(len(whole), dtype=np.uint32)
    for step, factor in enumerate((0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F)):
        runs[: len(whole) - step] += (whole[step:] * np.uint32(factor)) ^ (whole[step:] >> np.uint32(step + 1))
    ends = np.cumsum(lengths)
    inside = np.ones(len(whole), dtype=bool)
    for back in range(1, 4):  # a run that would go beyond its text
        inside[ends - back] = False
    starts = np.concatenate([[0], np.cumsum(lengths - 3)])
    columns = (runs[inside] >> np.uint32(8)).astype(np.int32)
    return binary_rows(columns, starts)


def _sorted(texts: Sequence[str]) -> np.ndarray:
    """Row numbers in alphabetical order: a text stands beside one that begins as it does."""
    return np.array(sorted(range(len(texts)), key=texts.__getitem__), dtype=np.int64)


def _pairs(shingles: Any, similarity: float, threshold: float, long: np.ndarray | None = None) -> list[np.ndarray]:
    """Pairs of rows (P, 2) of a sparse binary matrix that are alike, in parts.

    Args:
        shingles: The matrix.
        similarity: Jaccard index from which pairs are looked for.
        threshold: See `_alike`.
        long: Which rows may be alike by their overlap, (N,); see `_alike`.
    """
    filled = np.flatnonzero(np.diff(shingles.indptr))
    bands, rows = _banding(similarity)
    signature = _signature(shingles[filled], bands * rows)
    found = [np.empty((0, 2), dtype=np.int64)]
    for band in range(bands):
        columns = np.arange(band * rows, (band + 2) * rows) % (bands * rows)
        found += _checked(shingles, filled[_same(signature[:, columns], rows)], threshold, long)
    return found


def _banding(similarity: float) -> tuple[int, int]:
    """Bands and hashes a band: as many hashes as 100 allow with a pair of that Jaccard index sure to share one.

    Example:
        >>> _banding(0.8), _banding(2 / 3), _banding(0.25)
        ((20, 5), (25, 4), (83, 2))
    """
    for rows in (5, 4, 3, 2):
        bands = int(np.ceil(np.log(1 - SURE) / np.log(1 - similarity**rows)))
        if bands * rows <= 100:
            return 100 // rows, rows
    return bands, rows


def _signature(shingles: Any, size: int) -> np.ndarray:
    """MinHash signatures (N, size) of the rows of a sparse binary matrix, each with at least one entry."""
    columns = shingles.indices.astype(np.uint32)
    starts = shingles.indptr[:-1]
    if not len(starts):
        return np.empty((0, size), dtype=np.uint32)
    # multiply-shift hashing: overflow is the modulus, an odd factor keeps it a permutation
    factors = np.random.default_rng(0).integers(0, 1 << 31, size=(size, 2), dtype=np.uint32) * 2 + 1
    hashes = [np.minimum.reduceat(columns * a + b, starts) for a, b in factors]
    return np.stack(hashes, axis=1)


def _same(hashes: np.ndarray, rows: int) -> np.ndarray:
    """Row pairs (P, 2) that agree in a whole band, the first `rows` hashes: each row with the `NEAR` before it.

    Rows of a bucket are sorted by the hashes of the next band: rows made of a template share a bucket by the
    thousand, and so like ones still come together in one band or another.
    """
    mix = np.uint64(0x9E3779B97F4A7C15) ** np.arange(1, rows + 1, dtype=np.uint64)  # modulo 2^64
    band = hashes[:, :rows].astype(np.uint64) @ mix  # a number a bucket; two that clash cost a comparison
    _, bucket, held = np.unique(band, return_inverse=True, return_counts=True)
    shared = np.flatnonzero(held[bucket] > 1)
    order = shared[np.lexsort((*hashes[shared, rows:].T[::-1], band[shared]))]  # the last key sorts first
    pairs = []
    for back in range(1, NEAR + 1):
        agree = band[order[back:]] == band[order[:-back]]
        pairs.append(np.stack([order[:-back][agree], order[back:][agree]], axis=1))
    return np.concatenate(pairs)


def _checked(shingles: Any, pairs: np.ndarray, threshold: float, long: np.ndarray | None) -> list[np.ndarray]:
    return [_alike(shingles, pairs[at : at + CHUNK], threshold, long) for at in range(0, len(pairs), CHUNK)]


def _alike(shingles: Any, pairs: np.ndarray, threshold: float, long: np.ndarray | None) -> np.ndarray:
    """Those of the pairs whose Jaccard index reaches the threshold, or, if both are `long`, whose overlap does."""
    left = shingles[pairs[:, 0]]
    right = shingles[pairs[:, 1]]
    shared = np.asarray(left.multiply(right).sum(axis=1)).ravel()
    first = np.diff(left.indptr)
    second = np.diff(right.indptr)
    alike = shared >= threshold * (first + second - shared)
    if long is not None:
        smaller = np.minimum(first, second)
        larger = np.maximum(first, second)
        step = np.searchsorted(list(OVERLAPS), smaller, side="right") - 1
        overlap = threshold + (1 - threshold) * np.array(list(OVERLAPS.values()))[step]
        alike |= (step >= 0) & long[pairs].all(axis=1) & (shared >= overlap * smaller) & (larger <= TIMES * smaller)
    return pairs[alike]


def _renumber(numbers: np.ndarray) -> np.ndarray:
    """The same clusters, numbered in the order in which they first appear."""
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]
