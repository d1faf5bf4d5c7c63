"""Near-duplicates among texts, detected without a comparison of all pairs.

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
NEAR = 2  # number of preceding rows of a band's bucket that a row is compared with
CHUNK = 200_000  # candidate pairs checked at a time, so that memory stays bounded
# Number of shingles (n different words have 2 n - 1) → share of the way from the threshold to 1 that the overlap of a
# text with one that extends it or replaces its words must reach. Short texts of one template overlap as much by chance.
OVERLAPS = {15: 3 / 4, 23: 1 / 2, 79: 0}
TIMES = 3  # largest ratio of the numbers of shingles of two texts that overlap
EIGHT = 40  # characters of eight words; in scripts without spaces eight characters are no sentence
LETTERS = 200  # characters up to which a typo changes too many words and pairs, so letters are compared
DOUBLED = re.compile(r"([^\W\d_])\1+")
SHAPED = re.compile(r"[^\W\d_]")


def clusters(texts: Sequence[str], threshold: float) -> np.ndarray:
    """Return the cluster number of each text, (N,): equal for texts linked by a similarity of at least `threshold`.

    Similarity is the Jaccard index of the sets of lower-cased words and word pairs; in scripts without spaces each
    character is a word. From eight words on it is their overlap, which detects shortened and extended texts; for short
    texts the letters count too, which detects typos. Markup and web addresses don't count. At a threshold of 1, texts
    of the same words and addresses are the same. Texts without a word are one cluster only if they are equal.

    Example:
        >>> clusters(["A fine film, really!", "<p>a fine film really</p> www.a.example", "a bad film"], 0.8).tolist()
        [0, 0, 1]
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    if not texts:
        return np.empty(0, dtype=np.int64)
    encoded = pa.array(texts, pa.string()).dictionary_encode()
    normalised = pa.array([plain(text, noise=threshold == 1) for text in encoded.dictionary.to_pylist()], pa.string())
    normalised = normalised.dictionary_encode()
    distinct = normalised.dictionary.to_pylist()
    inverse = normalised.indices.to_numpy()[encoded.indices.to_numpy()]
    if threshold == 1:
        return _renumber(inverse)
    pairs = np.concatenate([_of_words(distinct, threshold), _of_letters(distinct, threshold)])
    links = coo_matrix((np.ones(len(pairs), dtype=bool), pairs.T), shape=(len(distinct), len(distinct)))
    return _renumber(connected_components(links, directed=False)[1][inverse])


def _of_words(texts: Sequence[str], threshold: float) -> np.ndarray:
    """Return the pairs of texts, (P, 2), that are similar by their words and pairs of words."""
    shingles = hashed_words(texts)
    long = np.array([len(text) >= EIGHT for text in texts])
    # the Jaccard index of two texts of equal length with an overlap of t is t / (2 - t)
    pairs = _pairs(shingles, threshold / (2 - threshold), threshold, long)
    for order in (_sorted(texts), _sorted([text[::-1] for text in texts])):
        neighbours = np.concatenate([np.stack([order[:-back], order[back:]], axis=1) for back in range(1, NEAR + 1)])
        pairs += _checked(shingles, neighbours, threshold, long)
    return np.concatenate(pairs)


def _of_letters(texts: Sequence[str], threshold: float) -> np.ndarray:
    """Return the pairs of short texts, (P, 2), that are similar by runs of four characters and have the same signs.

    Doubled letters count once.
    """
    short = np.array([row for row, text in enumerate(texts) if len(text) <= LETTERS and SHAPED.search(text)], dtype=int)
    if not len(short):
        return np.empty((0, 2), dtype=np.int64)
    places: list[int] = short.tolist()
    single = [DOUBLED.sub(r"\1", texts[place]) for place in places]
    pairs = np.concatenate(_pairs(_fours(single), threshold, threshold))
    pairs = short[pairs]
    signs = [_signs(text) for text in texts]
    return pairs[[signs[left] == signs[right] for left, right in pairs.tolist()]] if len(pairs) else pairs


def _signs(text: str) -> list[str]:
    """Return the words without a letter."""
    return [word for word in text.split() if not SHAPED.search(word)]


def _fours(texts: Sequence[str]) -> Any:
    """Return the hashed runs of four characters of each text, with spaces around it: sparse, binary, (N, 2^24)."""
    codes = np.frombuffer("".join(f" {text} \0\0" for text in texts).encode("utf-32-le"), dtype="<u4")
    lengths = np.array([len(text) for text in texts]) + 4
    runs = np.zeros(len(codes), dtype=np.uint32)
    for step, factor in enumerate((0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F)):
        runs[: len(codes) - step] += (codes[step:] * np.uint32(factor)) ^ (codes[step:] >> np.uint32(step + 1))
    ends = np.cumsum(lengths)
    inside = np.ones(len(codes), dtype=bool)
    for back in range(1, 4):  # a run that would go beyond its text
        inside[ends - back] = False
    starts = np.concatenate([[0], np.cumsum(lengths - 3)])
    columns = (runs[inside] >> np.uint32(8)).astype(np.int32)
    return binary_rows(columns, starts)


def _sorted(texts: Sequence[str]) -> np.ndarray:
    """Return the row numbers in alphabetical order, in which texts with the same beginning are neighbours."""
    return np.array(sorted(range(len(texts)), key=texts.__getitem__), dtype=np.int64)


def _pairs(shingles: Any, similarity: float, threshold: float, long: np.ndarray | None = None) -> list[np.ndarray]:
    """Return the pairs of similar rows of a sparse binary matrix, as parts (P, 2).

    Args:
        shingles: The matrix.
        similarity: Jaccard index of the candidates.
        threshold: See `_alike`.
        long: True for rows that may be similar by their overlap, (N,); see `_alike`.
    """
    filled = np.flatnonzero(np.diff(shingles.indptr))
    bands, rows = _banding(similarity)
    signature = _signature(shingles[filled], bands * rows)
    pairs = [np.empty((0, 2), dtype=np.int64)]
    for band in range(bands):
        columns = np.arange(band * rows, (band + 2) * rows) % (bands * rows)
        pairs += _checked(shingles, filled[_same(signature[:, columns], rows)], threshold, long)
    return pairs


def _banding(similarity: float) -> tuple[int, int]:
    """Return the number of bands and of hashes per band, up to 100 in all, with which such pairs surely share a band.

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
    """Return the MinHash signatures, (N, size), of the rows of a sparse binary matrix, each with at least one entry."""
    columns = shingles.indices.astype(np.uint32)
    starts = shingles.indptr[:-1]
    if not len(starts):
        return np.empty((0, size), dtype=np.uint32)
    # multiply-shift hashing: overflow is the modulus, an odd factor keeps it a permutation
    factors = np.random.default_rng(0).integers(0, 1 << 31, size=(size, 2), dtype=np.uint32) * 2 + 1
    hashes = [np.minimum.reduceat(columns * a + b, starts) for a, b in factors]
    return np.stack(hashes, axis=1)


def _same(hashes: np.ndarray, rows: int) -> np.ndarray:
    """Return the row pairs, (P, 2), with equal first `rows` hashes (a band): each row with the `NEAR` rows before it.

    Rows of a bucket are sorted by the hashes of the next band: thousands of rows of one template share a bucket, and
    this brings similar ones together in some band.
    """
    mix = np.uint64(0x9E3779B97F4A7C15) ** np.arange(1, rows + 1, dtype=np.uint64)  # modulo 2^64
    band = hashes[:, :rows].astype(np.uint64) @ mix  # a number per bucket; a collision costs a comparison
    _, bucket, sizes = np.unique(band, return_inverse=True, return_counts=True)
    shared = np.flatnonzero(sizes[bucket] > 1)
    order = shared[np.lexsort((*hashes[shared, rows:].T[::-1], band[shared]))]  # the last key sorts first
    pairs = []
    for back in range(1, NEAR + 1):
        agree = band[order[back:]] == band[order[:-back]]
        pairs.append(np.stack([order[:-back][agree], order[back:][agree]], axis=1))
    return np.concatenate(pairs)


def _checked(shingles: Any, pairs: np.ndarray, threshold: float, long: np.ndarray | None) -> list[np.ndarray]:
    return [_alike(shingles, pairs[at : at + CHUNK], threshold, long) for at in range(0, len(pairs), CHUNK)]


def _alike(shingles: Any, pairs: np.ndarray, threshold: float, long: np.ndarray | None) -> np.ndarray:
    """Return the pairs whose Jaccard index reaches the threshold or, if both are `long`, whose overlap does."""
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
    """Return the same clusters, numbered in the order of their first appearance."""
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]
