"""N-grams of many texts, counted by word: words repeat over the texts, so each distinct word is split once."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from volant.bundle.runtime.linear import Vectorizer, letter_ngrams


@dataclass(frozen=True)
class Ngrams:
    """Counts of n-grams, (N, F) sparse, and a function that returns the n-grams of columns.

    Most columns are dropped, so the n-grams are spelled out only for the remaining ones.
    """

    counts: Any
    spell: Callable[[np.ndarray], list[str]]


@dataclass(frozen=True)
class Words:
    """Texts as numbers of their words: lower-cased, separated by white space.

    Attributes:
        distinct: The words by number.
        numbers: Number of each word of all texts, in order, (W,).
        starts: Position in `numbers` where each text begins, and where the last one ends, (N + 1,).
    """

    distinct: list[str]
    numbers: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Words":
        """Split texts into words."""
        return cls(*_numbered([text.lower().split() for text in texts]))


def ngram_features(
    words: Words, vectorizer: Vectorizer, min_df: int, most: int | None
) -> tuple[Vectorizer, Any] | None:
    """Fit a vectorizer; return it with its terms and idf, and the TF-IDF features (N, F); None without n-grams.

    Args:
        words: The texts.
        vectorizer: Options of the n-grams.
        min_df: Minimum number of texts that an n-gram occurs in.
        most: Keep this many of the most frequent n-grams; None for all.

    Source: https://scikit-learn.org/stable/modules/feature_extraction.html#tfidf-term-weighting
    """
    ngrams = _of_words(words, vectorizer) if vectorizer.analyzer == "word" else _of_letters(words, vectorizer)
    frequency = np.bincount(ngrams.counts.indices, minlength=ngrams.counts.shape[1])
    columns = np.flatnonzero(frequency >= min_df)
    if most is not None and len(columns) > most:
        totals = np.asarray(ngrams.counts.sum(axis=0)).ravel()[columns]
        columns = np.sort(columns[np.argsort(-totals, kind="stable")[:most]])
    if not len(columns):
        return None
    rows = len(words.starts) - 1
    idf = (np.log((1 + rows) / (1 + frequency[columns])) + 1).astype(np.float32)
    features = _weighted(ngrams.counts[:, columns], idf, vectorizer.sublinear_tf)
    return replace(vectorizer, terms=ngrams.spell(columns), idf=idf), features


def _weighted(counts: Any, idf: np.ndarray, sublinear: bool) -> Any:
    """Return TF-IDF rows of Euclidean length 1 from counts; rows without an n-gram stay empty."""
    values = 1 + np.log(counts.data) if sublinear else counts.data
    values = values * idf[counts.indices]
    sizes = np.diff(counts.indptr)
    rows = np.repeat(np.arange(len(sizes)), sizes)
    lengths = np.sqrt(np.bincount(rows, values**2, minlength=len(sizes)))
    counts.data = (values / lengths[rows]).astype(np.float32)
    return counts


def _of_letters(words: Words, vectorizer: Vectorizer) -> Ngrams:
    """Return character n-grams: the counts of words times the counts of n-grams in each word."""
    terms, numbers, starts = _numbered([letter_ngrams(word, vectorizer.lengths) for word in words.distinct])
    of_texts = _counts(words.numbers, words.starts, len(words.distinct))
    of_words = _counts(numbers, starts, len(terms))
    return Ngrams(of_texts @ of_words, lambda columns: [terms[column] for column in columns.tolist()])


def _of_words(words: Words, vectorizer: Vectorizer) -> Ngrams:
    """Return word n-grams: each is an n-gram of one word less and the next word, a pair that gets a number itself."""
    from scipy.sparse import hstack

    tokens, numbers, starts = _tokens(words, re.compile(vectorizer.token_pattern or ""))
    ends = np.repeat(starts[1:], np.diff(starts))
    places = np.arange(len(numbers))
    codes = numbers
    pairs = [places[: len(tokens)]]
    levels = []
    for length in range(1, vectorizer.ngram_range[1] + 1):
        if length > 1:
            inside = places + length <= ends[places]  # the n-gram ends before its text does
            places = places[inside]
            last = numbers[places + length - 1]
            distinct, codes = np.unique(codes[inside] * len(tokens) + last, return_inverse=True)
            pairs.append(distinct)
        if length in vectorizer.lengths:
            levels.append(_counts(codes, np.searchsorted(places, starts), len(pairs[-1])))
    offsets = np.cumsum([0, *(level.shape[1] for level in levels)])

    def spell(columns: np.ndarray) -> list[str]:
        parts = np.split(columns, np.searchsorted(columns, offsets[1:-1]))
        by_length = zip(vectorizer.lengths, parts, offsets[:-1], strict=True)
        return list(chain.from_iterable(_spell(tokens, pairs, n, part - first) for n, part, first in by_length))

    return Ngrams(hstack(levels, format="csr"), spell)


def _spell(tokens: list[str], pairs: Sequence[np.ndarray], length: int, codes: np.ndarray) -> list[str]:
    """Return the n-grams of a length with these numbers."""
    if length == 1:
        return [tokens[code] for code in codes.tolist()]
    first, last = np.divmod(pairs[length - 1][codes], len(tokens))
    both = zip(_spell(tokens, pairs, length - 1, first), _spell(tokens, pairs, 1, last), strict=True)
    return [f"{left} {right}" for left, right in both]


def _tokens(words: Words, pattern: re.Pattern[str]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the three fields of `Words` for the tokens inside the words: no token contains a space."""
    distinct, inside, firsts = _numbered(map(pattern.findall, words.distinct))
    sizes = np.diff(firsts)[words.numbers]
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    shifts = np.repeat(firsts[words.numbers] - (ends - sizes), sizes)
    starts = np.concatenate([[0], ends])[words.starts]
    return distinct, inside[np.arange(total) + shifts], starts


def _numbered(rows: Iterable[Iterable[str]]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Number strings in order of first occurrence; return the distinct ones, all numbers, and the start of each row."""
    index: defaultdict[str, int] = defaultdict()
    index.default_factory = index.__len__
    numbers: list[int] = []
    starts = [0]
    for row in rows:
        numbers.extend(map(index.__getitem__, row))
        starts.append(len(numbers))
    return list(index), np.array(numbers, dtype=np.int64), np.array(starts, dtype=np.int64)


def _counts(numbers: np.ndarray, starts: np.ndarray, width: int) -> Any:
    """Return how often each number occurs in each row, sparse (rows, width)."""
    from scipy.sparse import csr_array

    ones = np.ones(len(numbers), dtype=np.float32)
    index = np.int32 if max(len(numbers), width) < 2**31 else np.int64
    counts = csr_array((ones, numbers.astype(index), starts.astype(index)), shape=(len(starts) - 1, width))
    counts.sum_duplicates()
    return counts
