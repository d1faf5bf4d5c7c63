"""Texts that are the same or nearly so, found without comparing all pairs.

MinHash with banding (Broder 1997, https://doi.org/10.1109/SEQUEN.1997.666900; Leskovec et al., Mining of Massive
Datasets, ch. 3, http://www.mmds.org), every candidate pair checked by its true Jaccard similarity.
"""

import re
from collections.abc import Sequence
from html import unescape
from typing import Any

import numpy as np
import pyarrow as pa

BANDS, ROWS = 20, 5  # a pair at similarity 0.8 shares a band with probability 0.9996, at 0.5 with 0.47
MIX = np.uint64(0x9E3779B97F4A7C15) ** np.arange(1, ROWS + 1, dtype=np.uint64)  # modulo 2^64
NEAR = 2  # rows before it that a row of a band's bucket is compared with
CHUNK = 200_000  # candidate pairs checked at a time, so that memory stays bounded
# Han, Kana, Thai, Lao, Myanmar and Khmer are written without spaces: each character counts as a word.
UNSPACED = (
    r"\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
    r"\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"
    r"\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0edc-\u0edf"
    r"\u1000-\u103f\u1050-\u108f\u109a-\u109d\ua9e0-\ua9ef\uaa60-\uaa7f\u1780-\u17d3"
)
WORD = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+")
# What cleaning will take out: tags (a name alone, or with `=` in what follows, so not "a <b and c> d") and web
# addresses. It is for comparing only, so a word too many costs little. No part can match again: time is linear.
NOISE = re.compile(
    r"</?[a-z][\w:-]*\s*/?>|<[a-z][\w:-]*\s[^<>=]*=[^<>]*>|(?:\bhttps?://|\bwww\.)[!#-;=?-~]+", re.IGNORECASE
)


def clusters(texts: Sequence[str], threshold: float) -> np.ndarray:
    """Cluster number (N,) of each text: equal for texts linked by a similarity of at least `threshold`.

    Similarity is the Jaccard index of the sets of lower-cased words and word pairs; in scripts without spaces each
    character is a word. Markup and web addresses don't count, but at a threshold of 1. Texts without a word are
    one cluster only where they are equal.

    Example:
        >>> clusters(["A fine film, really!", "<p>a fine film really</p> www.a.example", "a bad film"], 0.8).tolist()
        [0, 0, 1]
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from sklearn.feature_extraction.text import HashingVectorizer

    if not texts:
        return np.empty(0, dtype=np.int64)
    encoded = pa.array(texts, pa.string()).dictionary_encode()
    exact, inverse = encoded.dictionary.to_pylist(), encoded.indices.to_numpy()
    options: dict[str, Any] = {"norm": None, "binary": True, "alternate_sign": False, "token_pattern": WORD.pattern}
    read = _bare if threshold < 1 else str.lower
    vectoriser = HashingVectorizer(n_features=1 << 24, ngram_range=(1, 2), preprocessor=read, **options)
    shingles = vectoriser.transform(exact)
    left, right = _pairs(shingles, threshold)
    links = coo_matrix((np.ones(len(left), dtype=bool), (left, right)), shape=(len(exact), len(exact)))
    return _renumber(connected_components(links, directed=False)[1][inverse])


def plain(text: str) -> str:
    """The words of a text, by which two texts are the same; a text without any stays as it is.

    Example:
        >>> plain("<p>A fine film, really!</p>"), plain("?!")
        ('a fine film really', '?!')
    """
    return " ".join(WORD.findall(_bare(text))) or text


def _bare(text: str) -> str:
    """Lower-cased text without markup and web addresses; a text that is nothing else stays as it is.

    Example:
        >>> _bare('<a href="/x">Rock &amp; roll</a>, see https://a.example/b.'), _bare("www.a.example")
        (' rock & roll ,  see  ', 'www.a.example')
    """
    if "<" in text or "www." in text.lower() or "://" in text:
        rest = NOISE.sub(" ", text)
        text = rest if WORD.search(rest) else text
    return unescape(text).lower() if "&" in text else text.lower()


def _pairs(shingles: Any, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rows (i, j) of a sparse binary matrix whose Jaccard similarity reaches `threshold`."""
    filled = np.flatnonzero(np.diff(shingles.indptr))
    signature = _signature(shingles[filled])
    found = [np.empty((0, 2), dtype=np.int64)]
    for band in range(BANDS):
        columns = np.arange(band * ROWS, (band + 2) * ROWS) % (BANDS * ROWS)
        candidates = filled[_same(signature[:, columns])]
        found += [_similar(shingles, candidates[at : at + CHUNK], threshold) for at in range(0, len(candidates), CHUNK)]
    pairs = np.concatenate(found)
    return pairs[:, 0], pairs[:, 1]


def _signature(shingles: Any) -> np.ndarray:
    """MinHash signatures (N, BANDS x ROWS) of the rows of a sparse binary matrix, each with at least one entry."""
    columns, starts = shingles.indices.astype(np.uint32), shingles.indptr[:-1]
    if not len(starts):
        return np.empty((0, BANDS * ROWS), dtype=np.uint32)
    # multiply-shift hashing: overflow is the modulus, an odd factor keeps it a permutation
    factors = np.random.default_rng(0).integers(0, 1 << 31, size=(BANDS * ROWS, 2), dtype=np.uint32) * 2 + 1
    hashes = [np.minimum.reduceat(columns * a + b, starts) for a, b in factors]
    return np.stack(hashes, axis=1)


def _same(hashes: np.ndarray) -> np.ndarray:
    """Row pairs (P, 2) that agree in a whole band, the first `ROWS` hashes: each row with the `NEAR` before it.

    Rows of a bucket are sorted by the hashes of the next band: rows made of a template share a bucket by the
    thousand, and so like ones still come together in one band or another.
    """
    band = hashes[:, :ROWS].astype(np.uint64) @ MIX  # a number a bucket; two that clash cost a comparison
    _, bucket, rows = np.unique(band, return_inverse=True, return_counts=True)
    shared = np.flatnonzero(rows[bucket] > 1)
    order = shared[np.lexsort((*hashes[shared, ROWS:].T[::-1], band[shared]))]  # the last key sorts first
    pairs = []
    for back in range(1, NEAR + 1):
        agree = band[order[back:]] == band[order[:-back]]
        pairs.append(np.stack([order[:-back][agree], order[back:][agree]], axis=1))
    return np.concatenate(pairs)


def _similar(shingles: Any, pairs: np.ndarray, threshold: float) -> np.ndarray:
    """Those of the pairs whose true similarity reaches the threshold."""
    if not len(pairs):
        return pairs
    left, right = shingles[pairs[:, 0]], shingles[pairs[:, 1]]
    shared = np.asarray(left.multiply(right).sum(axis=1)).ravel()
    union = np.diff(left.indptr) + np.diff(right.indptr) - shared
    return pairs[shared >= threshold * union]


def _renumber(numbers: np.ndarray) -> np.ndarray:
    """The same clusters, numbered in the order in which they first appear."""
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]
