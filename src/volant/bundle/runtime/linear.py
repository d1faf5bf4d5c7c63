"""Runtime of TF-IDF + logistic regression, from JSON and safetensors; scikit-learn is needed only to fit it."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

VOCABULARY = "vocabulary.json"
WEIGHTS = "linear.safetensors"
# fields of a `Vectorizer` that are saved as JSON
OPTIONS = ("analyzer", "ngram_range", "token_pattern", "sublinear_tf", "lowercase", "terms")
CACHED = 5_000  # recent words whose n-grams are cached, 2 MB: they make up nearly all of a text
LONGEST = 40  # characters of a cached word: text without spaces, such as Base64 or Thai, hardly ever repeats
CHUNK = 256  # texts per matrix product
NONE = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Vectorizer:
    """TF-IDF over one type of n-grams; the options are those of scikit-learn's `TfidfVectorizer`.

    Attributes:
        analyzer: `word`, or `char_wb`: characters inside words.
        ngram_range: Minimum and maximum length.
        token_pattern: Regular expression of a word; of `word` only.
        sublinear_tf: Count 1 + log(n) for n occurrences.
        lowercase: Read texts in lower case.
        terms: The n-grams, by column; empty before it is fitted.
        idf: Inverse document frequency of each n-gram, (F,).
    """

    analyzer: str
    ngram_range: tuple[int, int]
    token_pattern: str | None = None
    sublinear_tf: bool = True
    lowercase: bool = True
    terms: Sequence[str] = ()
    idf: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.float32))

    @property
    def lengths(self) -> range:
        """The lengths of the n-grams."""
        return range(self.ngram_range[0], self.ngram_range[1] + 1)


def save_linear(
    folder: Path, vectorizers: Sequence[Vectorizer], coefficients: np.ndarray, intercepts: np.ndarray
) -> dict[str, Any]:
    """Write fitted n-grams and their weights; return the manifest's `runtime` section.

    Args:
        folder: Folder of the bundle.
        vectorizers: Fitted vectorizers, with F n-grams in all.
        coefficients: Weights, (L, F).
        intercepts: Intercepts, (L,).
    """
    from safetensors.numpy import save

    tensors = {"coefficients": coefficients, "intercepts": intercepts}
    tensors |= {f"idf.{vectorizer.analyzer}": vectorizer.idf for vectorizer in vectorizers}
    options = [_options(vectorizer) for vectorizer in vectorizers]
    (folder / VOCABULARY).write_text(json.dumps(options, ensure_ascii=False), encoding="utf-8")
    # not save_file: only its owner could read the file, and a container may run as another user
    (folder / WEIGHTS).write_bytes(save(tensors))
    return {"type": "linear", "precision": "fp32", "files": [VOCABULARY, WEIGHTS]}


def _options(vectorizer: Vectorizer) -> dict[str, Any]:
    return {"name": vectorizer.analyzer, **{name: getattr(vectorizer, name) for name in OPTIONS}}


class LinearRuntime:
    """TF-IDF + linear layer: the same results as scikit-learn's own vectorizer, in a fraction of its time per text.

    Args:
        folder: Folder of the bundle.
        runtime: The manifest's `runtime` section.
    """

    def __init__(self, folder: Path, runtime: Mapping[str, Any]) -> None:  # noqa: ARG002  (one signature for all)
        from safetensors.numpy import load_file

        tensors = load_file(folder / WEIGHTS)
        self._intercepts = tensors["intercepts"]
        self._parts = []
        start = 0
        for options in json.loads((folder / VOCABULARY).read_text(encoding="utf-8")):
            weights = tensors["coefficients"][:, start : start + len(options["terms"])]
            self._parts.append(_Part(options, tensors[f"idf.{options['name']}"], weights))
            start += len(options["terms"])

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """Return the logits (N, L) of cleaned texts (N)."""
        logits = np.tile(self._intercepts, (len(texts), 1)).astype(np.float32)
        for start in range(0, len(texts), CHUNK):
            chunk = slice(start, start + CHUNK)
            for part in self._parts:
                logits[chunk] += part.contributions(texts[chunk])
        return logits


class _Part:
    """The contribution of one type of n-grams to the logits of texts.

    Source: https://scikit-learn.org/stable/modules/feature_extraction.html#tfidf-term-weighting
    """

    def __init__(self, options: Mapping[str, Any], idf: np.ndarray, weights: np.ndarray) -> None:
        self._idf = idf
        self._weights = weights
        self._sublinear = options["sublinear_tf"]
        self._lower = options["lowercase"]
        columns = {term: column for column, term in enumerate(options["terms"])}
        lengths = range(options["ngram_range"][0], options["ngram_range"][1] + 1)
        self._columns = (
            _of_words(columns, lengths, re.compile(options["token_pattern"]))
            if options["analyzer"] == "word"
            else _of_characters(columns, lengths)
        )

    def contributions(self, texts: Sequence[str]) -> np.ndarray:
        """Return the contributions (N, L) to the logits of cleaned texts (N)."""
        by_text = [self._columns(text.lower() if self._lower else text) for text in texts]
        rows = np.repeat(np.arange(len(texts)), [len(columns) for columns in by_text])
        cells, counts = np.unique(rows * len(self._idf) + np.concatenate(by_text), return_counts=True)
        rows, columns = np.divmod(cells, len(self._idf))
        values = (1 + np.log(counts) if self._sublinear else counts) * self._idf[columns]
        norms = np.sqrt(np.bincount(rows, values**2, minlength=len(texts)))
        values /= norms[rows]
        sums = [np.bincount(rows, values * weights[columns], minlength=len(texts)) for weights in self._weights]
        return np.stack(sums, axis=1)


def letter_ngrams(word: str, lengths: range) -> Iterator[str]:
    """Return the character n-grams of a word with a space before and after it.

    Example:
        >>> list(letter_ngrams("so", range(3, 6)))
        [' so', 'so ', ' so ']
    """
    padded = f" {word} "
    size = len(padded)
    if size <= lengths[0]:  # a word shorter than the shortest n-gram counts once, as a whole
        return iter((padded,))
    return (padded[at : at + n] for n in lengths[: size - lengths[0] + 1] for at in range(size - n + 1))


def _of_words(columns: Mapping[str, int], lengths: range, token: re.Pattern[str]) -> Callable[[str], np.ndarray]:
    """Return a function that returns the columns of the word n-grams of a text."""

    def find(text: str) -> np.ndarray:
        words = token.findall(text)
        ngrams = (" ".join(words[at : at + n]) for n in lengths for at in range(len(words) - n + 1))
        return _lookup(columns, ngrams)

    return find


def _of_characters(columns: Mapping[str, int], lengths: range) -> Callable[[str], np.ndarray]:
    """Return a function that returns the columns of the character n-grams of a text's words, padded with spaces."""

    @lru_cache(CACHED)
    def of_word(word: str) -> np.ndarray:
        return _lookup(columns, letter_ngrams(word, lengths))

    def find(text: str) -> np.ndarray:
        words = text.split()
        return np.concatenate([NONE, *((of_word if len(w) <= LONGEST else of_word.__wrapped__)(w) for w in words)])

    return find


def _lookup(columns: Mapping[str, int], ngrams: Iterable[str]) -> np.ndarray:
    """Return the columns of the n-grams that the vocabulary has."""
    return np.array([columns[ngram] for ngram in ngrams if ngram in columns], dtype=np.int64)
