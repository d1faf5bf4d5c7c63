"""Near-duplicates: what a brute-force comparison finds, MinHash finds too."""

import itertools
import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from volant.near_duplicates import clusters

WORDS = [f"word{i}" for i in range(400)]


def brute(texts: list[str], threshold: float) -> list[tuple[int, int]]:
    sets = []
    for text in texts:
        words = text.split()
        sets.append(set(words) | set(itertools.pairwise(words)))
    pairs = [(i, j) for i in range(len(sets)) for j in range(i)]
    return [(i, j) for i, j in pairs if len(sets[i] & sets[j]) >= threshold * len(sets[i] | sets[j])]


def test_finds_the_pairs_that_comparing_all_finds() -> None:
    rng = random.Random(3)
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(5, 30))) for _ in range(150)]
    for text in list(texts[:60]):
        words = text.split()
        words[rng.randrange(len(words))] = "changed"
        texts.append(" ".join(words))
    found, wanted = clusters(texts, 0.8), brute(texts, 0.8)
    assert len(wanted) > 20
    assert all(found[i] == found[j] for i, j in wanted)
    assert len(set(found.tolist())) > 100  # and what isn't alike stays apart


def test_case_and_marks_do_not_matter_but_words_do() -> None:
    assert clusters(["Good film!", "good FILM", "bad film", "", ""], 0.8).tolist() == [0, 0, 1, 2, 2]


def test_exact_only_at_threshold_one() -> None:
    long = " ".join(WORDS[:50])
    assert clusters([long, long + " more", long], 1.0).tolist() == [0, 1, 0]
    assert clusters([long, long + " more", long], 0.8).tolist() == [0, 0, 0]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(max_size=30), max_size=20))
def test_equal_texts_share_a_cluster_whatever_they_are(texts: list[str]) -> None:
    numbers = clusters(texts + texts, 0.8)
    assert np.array_equal(numbers[: len(texts)], numbers[len(texts) :])
