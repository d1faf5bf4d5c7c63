"""The record of the rows that a bundle learned from."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from safetensors.numpy import save

from volant.bundle import learned
from volant.errors import VolantError


def rows(texts: list[str], movies: list[str | None]) -> pa.Table:
    return pa.table({"text": texts, "movie": movies})


def test_texts_and_groups_are_known_again_and_others_are_not(tmp_path: Path) -> None:
    tables = [rows(["A fine film!", "dull"], ["m1", None]), rows(["so so"], ["m2"])]
    assert not learned.read(tmp_path)
    learned.record(tables, "movie", tmp_path)
    found = learned.read(tmp_path)
    assert found
    assert found.holds(["a  FINE film", "so-so", "another", ""]).tolist() == [True, True, False, False]
    groups = ["m9", "m9", "m2", None]
    assert found.holds(["another", "dull", "another", "another"], groups).tolist() == [False, True, True, False]
    learned.record(tables, None, tmp_path)
    found = learned.read(tmp_path)
    assert found
    assert not found.holds(["another"], ["m1"]).any()


def test_the_order_of_the_rows_does_not_matter_and_a_row_takes_eight_bytes(tmp_path: Path) -> None:
    texts = [f"text {k}" for k in range(1000)]
    learned.record([rows(texts, [None] * 1000)], "movie", tmp_path)
    first = (tmp_path / learned.FILE).read_bytes()
    learned.record([rows(texts[500:], [None] * 500), rows(texts[:500], [None] * 500)], "movie", tmp_path)
    assert (tmp_path / learned.FILE).read_bytes() == first
    assert len(first) < 8 * 1000 + 200


def test_signs_and_vowels_tell_texts_apart(tmp_path: Path) -> None:
    learned.record([rows(["film 👍", "पानी", "see :)"], [None] * 3)], None, tmp_path)
    found = learned.read(tmp_path)
    assert found
    assert found.holds(["film 👎", "पीना", "see :(", "FILM 👍!"]).tolist() == [False, False, False, True]


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", save({"texts": np.ones(2)}), save({"texts": np.ones(2), "groups": np.ones(1)})]
)
def test_what_is_no_record_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / learned.FILE).write_bytes(content)
    with pytest.raises(VolantError, match="not a valid record of learned rows"):
        learned.read(tmp_path)
