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
OPTIONS = ("analyzer", "ngram_range", "token_pattern", "sublinear_tf", "lowercase", "terms")  # of a `Sort`, as JSON
REMEMBERED = 5_000  # words whose n-grams are at hand, 2 MB: the last ones read make up nearly all of a text
LONGEST = 40  # letters of such a word: what has no spaces, as Base64 or Thai, never comes again
CHUNK = 256  # texts weighed together
NONE = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Sort:
    """One sort of n-grams, and how it is weighed; the options are those of scikit-learn's `TfidfVectorizer`.

    Attributes:
        analyzer: `word`, or `char_wb`: characters inside words.
        ngram_range: Lengths from and to.
        token_pattern: What a word is; of `word` only.
        sublinear_tf: Count 1 + log(n) for n occurrences.
        lowercase: Whether texts are read in lower case.
        terms: The n-grams, by their column.
        idf: Weight of each (F,).
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
    folder: Path, sorts: Sequence[Sort], coefficients: np.ndarray, intercepts: np.ndarray
) -> dict[str, Any]:
    """Write fitted n-grams and their weights; return the manifest's `runtime` section.

    Args:
        folder: Folder of the bundle.
        sorts: Of the n-grams, with F features in all.
        coefficients: Weights (L, F).
        intercepts: Intercepts (L,).
    """
    from safetensors.numpy import save

    tensors = {"coefficients": coefficients, "intercepts": intercepts}
    tensors |= {f"idf.{sort.analyzer}": sort.idf for sort in sorts}
    shown = [{"name": sort.analyzer, **{name: getattr(sort, name) for name in OPTIONS}} for sort in sorts]
    (folder / VOCABULARY).write_text(json.dumps(shown, ensure_ascii=False), encoding="utf-8")
    (folder / WEIGHTS).write_bytes(save(tensors))  # save_file writes for its owner alone; a container is another
    return {"type": "linear", "precision": "fp32", "files": [VOCABULARY, WEIGHTS]}


class LinearRuntime:
    """TF-IDF + linear layer: the same results as scikit-learn's own vectoriser, in a fraction of its time per text.

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
        for sort in json.loads((folder / VOCABULARY).read_text(encoding="utf-8")):
            weights = tensors["coefficients"][:, start : start + len(sort["terms"])]
            self._parts.append(_Part(sort, tensors[f"idf.{sort['name']}"], weights))
            start += len(sort["terms"])

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """Return the logits (N, L) of cleaned texts (N)."""
        found = np.tile(self._intercepts, (len(texts), 1)).astype(np.float32)
        for start in range(0, len(texts), CHUNK):
            chunk = slice(start, start + CHUNK)
            for part in self._parts:
                found[chunk] += part.shares(texts[chunk])
        return found


class _Part:
    """The contribution of one type of n-grams to the logits of texts.

    Source: https://scikit-learn.org/stable/modules/feature_extraction.html#tfidf-term-weighting
    """

    def __init__(self, sort: Mapping[str, Any], idf: np.ndarray, weights: np.ndarray) -> None:
        self._idf = idf
        self._weights = weights
        self._sublinear = sort["sublinear_tf"]
        self._lower = sort["lowercase"]
        columns = {term: column for column, term in enumerate(sort["terms"])}
        lengths = range(sort["ngram_range"][0], sort["ngram_range"][1] + 1)
        self._columns = (
            _of_words(columns, lengths, re.compile(sort["token_pattern"]))
            if sort["analyzer"] == "word"
            else _of_characters(columns, lengths)
        )

    def shares(self, texts: Sequence[str]) -> np.ndarray:
        """Return the contributions (N, L) to the logits of cleaned texts (N)."""
        found = [self._columns(text.lower() if self._lower else text) for text in texts]
        rows = np.repeat(np.arange(len(texts)), [len(columns) for columns in found])
        cells, counts = np.unique(rows * len(self._idf) + np.concatenate(found), return_counts=True)
        rows, columns = np.divmod(cells, len(self._idf))
        values = (1 + np.log(counts) if self._sublinear else counts) * self._idf[columns]
        norms = np.sqrt(np.bincount(rows, values**2, minlength=len(texts)))
        values /= norms[rows]
        weighed = (np.bincount(rows, values * w[columns], minlength=len(texts)) for w in self._weights)
        return np.stack(list(weighed), axis=1)


def letter_ngrams(word: str, lengths: range) -> Iterator[str]:
    """The n-grams of the characters of a word, with a space before and after it.

    Example:
        >>> list(letter_ngrams("so", range(3, 6)))
        [' so', 'so ', ' so ']
    """
    padded = f" {word} "
    size = len(padded)
    if size <= lengths[0]:  # what is shorter than n counts once, as the n-gram that it is
        return iter((padded,))
    return (padded[at : at + n] for n in lengths[: size - lengths[0] + 1] for at in range(size - n + 1))


def _of_words(columns: Mapping[str, int], lengths: range, token: re.Pattern[str]) -> Callable[[str], np.ndarray]:
    """Return a function that returns the columns of the word n-grams of a text."""

    def find(text: str) -> np.ndarray:
        words = token.findall(text)
        ngrams = (" ".join(words[at : at + n]) for n in lengths for at in range(len(words) - n + 1))
        return _known(columns, ngrams)

    return find


def _of_characters(columns: Mapping[str, int], lengths: range) -> Callable[[str], np.ndarray]:
    """Return a function that returns the columns of the character n-grams of a text's words, padded with spaces."""

    @lru_cache(REMEMBERED)
    def of_word(word: str) -> np.ndarray:
        return _known(columns, letter_ngrams(word, lengths))

    def find(text: str) -> np.ndarray:
        words = text.split()
        return np.concatenate([NONE, *((of_word if len(w) <= LONGEST else of_word.__wrapped__)(w) for w in words)])

    return find


def _known(columns: Mapping[str, int], ngrams: Iterable[str]) -> np.ndarray:
    return np.array([columns[ngram] for ngram in ngrams if ngram in columns], dtype=np.int64)
