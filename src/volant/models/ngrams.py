"""N-grams of many texts, counted by the word: texts are made of the same words, so each word is cut up once."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from volant.bundle.runtime.linear import Sort, letter_ngrams


@dataclass(frozen=True)
class Ngrams:
    """Counts (N, F), sparse, and the n-grams that some of its columns stand for."""

    counts: Any
    spell: Callable[[np.ndarray], list[str]]


@dataclass(frozen=True)
class Words:
    """Texts as numbers of their words, which are what stands between spaces, in lower case.

    Attributes:
        distinct: The words by number.
        numbers: Number of each word of all texts, in order.
        starts: Where each text begins in `numbers`, and where the last one ends, (N + 1,).
    """

    distinct: list[str]
    numbers: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Words":
        """Split texts into words."""
        return cls(*_numbered([text.lower().split() for text in texts]))


def ngram_features(words: Words, sort: Sort, min_df: int, most: int | None) -> tuple[Sort, Any] | None:
    """TF-IDF features (N, F) of one sort of n-grams, and the sort with its terms and their idf; None if it has none.

    Args:
        words: The texts.
        sort: Which n-grams, and how they are weighed.
        min_df: Texts that an n-gram must occur in.
        most: Keep this many of the most frequent n-grams; None for all.

    Source: https://scikit-learn.org/stable/modules/feature_extraction.html#tfidf-term-weighting
    """
    ngrams = _of_words(words, sort) if sort.analyzer == "word" else _of_letters(words, sort)
    frequency = np.bincount(ngrams.counts.indices, minlength=ngrams.counts.shape[1])
    columns = np.flatnonzero(frequency >= min_df)
    if most is not None and len(columns) > most:
        totals = np.asarray(ngrams.counts.sum(axis=0)).ravel()[columns]
        columns = np.sort(columns[np.argsort(-totals, kind="stable")[:most]])
    if not len(columns):
        return None
    rows = len(words.starts) - 1
    idf = (np.log((1 + rows) / (1 + frequency[columns])) + 1).astype(np.float32)
    return replace(sort, terms=ngrams.spell(columns), idf=idf), _weighed(
        ngrams.counts[:, columns], idf, sort.sublinear_tf
    )


def _weighed(counts: Any, idf: np.ndarray, sublinear: bool) -> Any:
    """Rows of length 1 from counts; those without an n-gram stay empty."""
    values = 1 + np.log(counts.data) if sublinear else counts.data
    values = values * idf[counts.indices]
    sizes = np.diff(counts.indptr)
    rows = np.repeat(np.arange(len(sizes)), sizes)
    lengths = np.sqrt(np.bincount(rows, values**2, minlength=len(sizes)))
    counts.data = (values / lengths[rows]).astype(np.float32)
    return counts


def _of_letters(words: Words, sort: Sort) -> Ngrams:
    """Counts of words times the n-grams of each word."""
    terms, numbers, starts = _numbered([letter_ngrams(word, sort.lengths) for word in words.distinct])
    of_texts = _counts(words.numbers, words.starts, len(words.distinct))
    of_words = _counts(numbers, starts, len(terms))
    return Ngrams(of_texts @ of_words, lambda columns: [terms[column] for column in columns.tolist()])


def _of_words(words: Words, sort: Sort) -> Ngrams:
    """An n-gram is one of a word less and the word after it: a pair of numbers, which is numbered in turn."""
    from scipy.sparse import hstack

    tokens, numbers, starts = _tokens(words, re.compile(sort.token_pattern or ""))
    ends = np.repeat(starts[1:], np.diff(starts))
    places = np.arange(len(numbers))
    codes = numbers
    pairs = [places[: len(tokens)]]
    levels = []
    for length in range(1, sort.ngram_range[1] + 1):
        if length > 1:
            whole = places + length <= ends[places]
            places, last = places[whole], numbers[places[whole] + length - 1]
            found, codes = np.unique(codes[whole] * len(tokens) + last, return_inverse=True)
            pairs.append(found)
        if length in sort.lengths:
            levels.append(_counts(codes, np.searchsorted(places, starts), len(pairs[-1])))
    offsets = np.cumsum([0, *(level.shape[1] for level in levels)])

    def spelled(columns: np.ndarray) -> list[str]:
        parts = np.split(columns, np.searchsorted(columns, offsets[1:-1]))
        named = zip(sort.lengths, parts, offsets[:-1], strict=True)
        return list(chain.from_iterable(_spelled(tokens, pairs, n, part - first) for n, part, first in named))

    return Ngrams(hstack(levels, format="csr"), spelled)


def _spelled(tokens: list[str], pairs: Sequence[np.ndarray], length: int, codes: np.ndarray) -> list[str]:
    """The n-grams of a length, by their numbers."""
    if length == 1:
        return [tokens[code] for code in codes.tolist()]
    first, last = np.divmod(pairs[length - 1][codes], len(tokens))
    both = zip(_spelled(tokens, pairs, length - 1, first), _spelled(tokens, pairs, 1, last), strict=True)
    return [f"{left} {right}" for left, right in both]


def _tokens(words: Words, pattern: re.Pattern[str]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """As `Words`, of the tokens inside the words: no token holds a space."""
    distinct, inside, firsts = _numbered(map(pattern.findall, words.distinct))
    sizes = np.diff(firsts)[words.numbers]
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    shifts = np.repeat(firsts[words.numbers] - (ends - sizes), sizes)
    starts = np.concatenate([[0], ends])[words.starts]
    return distinct, inside[np.arange(total) + shifts], starts


def _numbered(rows: Iterable[Iterable[str]]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Strings numbered as they first come: the distinct ones, all the numbers, and where each row begins in them."""
    index: defaultdict[str, int] = defaultdict()
    index.default_factory = index.__len__
    numbers: list[int] = []
    starts = [0]
    for row in rows:
        numbers.extend(map(index.__getitem__, row))
        starts.append(len(numbers))
    return list(index), np.array(numbers, dtype=np.int64), np.array(starts, dtype=np.int64)


def _counts(numbers: np.ndarray, starts: np.ndarray, width: int) -> Any:
    """How often each number occurs in each row, sparse (rows, width)."""
    from scipy.sparse import csr_array

    ones = np.ones(len(numbers), dtype=np.float32)
    index = np.int32 if max(len(numbers), width) < 2**31 else np.int64
    found = csr_array((ones, numbers.astype(index), starts.astype(index)), shape=(len(starts) - 1, width))
    found.sum_duplicates()
    return found
