"""N-grams counted by the word are those of scikit-learn's vectorizer."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from volant.bundle.runtime.linear import Vectorizer
from volant.models.ngrams import Words, ngram_features
from volant.models.tfidf import TOKEN


def peer(texts: list[str], vectorizer: Vectorizer, **options: Any) -> tuple[list[str], Any]:
    """Terms and features of scikit-learn; no terms where it has none."""
    shared: dict[str, Any] = {"analyzer": vectorizer.analyzer, "ngram_range": vectorizer.ngram_range}
    shared |= {"token_pattern": vectorizer.token_pattern, "sublinear_tf": vectorizer.sublinear_tf, "dtype": np.float32}
    reference = TfidfVectorizer(**shared, **options)
    try:
        features = reference.fit_transform(texts)
    except ValueError:
        return [], None
    return reference.get_feature_names_out().tolist(), features


@given(
    texts=st.lists(st.text("abİßΣ !?.'\t\n\u00a0日本", max_size=30), min_size=1, max_size=8),
    lengths=st.tuples(st.integers(1, 3), st.integers(0, 3)),
    analyzer=st.sampled_from(["word", "char_wb"]),
    sublinear=st.booleans(),
    min_df=st.integers(1, 2),
)
@settings(deadline=None)
def test_features_are_those_of_scikit_learn(
    texts: list[str], lengths: tuple[int, int], analyzer: str, sublinear: bool, min_df: int
) -> None:
    pattern = TOKEN if analyzer == "word" else None
    vectorizer = Vectorizer(analyzer, (lengths[0], sum(lengths)), pattern, sublinear)
    terms, expected = peer(texts, vectorizer, min_df=min(min_df, len(texts)))
    found = ngram_features(Words.of(texts), vectorizer, min(min_df, len(texts)), None)
    assert (found is None) == (not terms)
    if found:
        assert sorted(found[0].terms) == terms
        order = [terms.index(term) for term in found[0].terms]
        np.testing.assert_allclose(found[1].toarray(), expected.toarray()[:, order], atol=1e-6)


def test_the_most_frequent_ngrams_of_all_lengths_are_taken() -> None:
    found = ngram_features(Words.of(["a b", "a b", "a b a", "c"]), Vectorizer("word", (1, 2), TOKEN), 1, 3)
    assert found
    assert sorted(found[0].terms) == ["a", "a b", "b"]


@pytest.mark.parametrize("vectorizer", [Vectorizer("word", (1, 3), TOKEN), Vectorizer("char_wb", (2, 4))])
def test_a_text_without_words_has_no_features(vectorizer: Vectorizer) -> None:
    found = ngram_features(Words.of(["one two", "", " \n", "two"]), vectorizer, 1, None)
    assert found
    assert np.diff(found[1].indptr).tolist()[1:3] == [0, 0]
