"""The hashed words are those of scikit-learn, so that no row changes sides."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import HashingVectorizer

from volant.datasets.splits import hashed_words

OPTIONS: dict[str, Any] = {"norm": None, "binary": True, "alternate_sign": False, "lowercase": False}
OPTIONS |= {"tokenizer": str.split, "token_pattern": None, "ngram_range": (1, 2), "n_features": hashed_words.COLUMNS}


@given(st.lists(st.text("ab é\u2003👍पा\t\n\x1c", max_size=60), min_size=1, max_size=12))
def test_columns_are_those_of_scikit_learn(texts: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashed_words, "CHUNK", 5)
        hashed = hashed_words.hashed_words(texts)
    wanted: Any = HashingVectorizer(**OPTIONS).transform(texts)
    assert hashed.shape == wanted.shape
    assert hashed.indptr.tolist() == wanted.indptr.tolist()
    assert hashed.indices.tolist() == wanted.indices.tolist()
    assert set(hashed.data.tolist()) <= {1}
