"""Long texts are read in windows: nothing is cut, and the answer does not depend on where a window begins."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from volant.bundle.runtime.reader import WINDOWS, Reader
from volant.bundle.runtime.windows import Window, cuts, join
from volant.kinds.outputs import CELLS, LENGTH

WORDS = "the film was lovely and the cast was dull"


@pytest.mark.parametrize("tokens", [*range(40), 1000])
def test_windows_cover_every_token_and_overlap(tokens: int) -> None:
    windows = cuts(tokens, 9)
    assert windows[0][0] == 0
    assert windows[-1][1] == tokens
    assert all(end - start <= 9 for start, end in windows)
    assert all(before[1] - after[0] >= 3 for before, after in itertools.pairwise(windows))


def test_a_reader_of_windows_reads_all_of_a_text(tiny_encoder: Path) -> None:
    tokenizer = Tokenizer.from_file(str(tiny_encoder / "tokenizer.json"))
    whole = Reader(tokenizer, 100, WINDOWS).windows([WORDS])[0]
    windows = Reader(tokenizer, 6, WINDOWS).windows([WORDS, "lovely", ""])
    own = [window for window in windows if window.text == 0]
    assert len(own) > 2
    assert all(len(window.ids) == 6 for window in own)
    assert all((window.ids[0], window.ids[-1]) == (whole.ids[0], whole.ids[-1]) for window in own)
    assert {tuple(pair) for window in own for pair in window.offsets.tolist()} == set(
        map(tuple, whole.offsets.tolist())
    )
    assert [len(window.ids) for window in windows if window.text == 2] == [2]
    ids = join(windows, {"ids": [np.array(window.ids) for window in windows]}, {"ids": LENGTH})
    assert ids.values["ids"][0].tolist() == whole.ids
    assert ids.offsets[0].tolist() == whole.offsets.tolist()
    assert len(ids) == 3


def window(first: int, size: int, text: int = 0) -> Window:
    return Window(text, first, [1] * (size + 2), np.zeros((size + 2, 2), dtype=np.int64), 1, 1)


def test_each_token_has_the_outputs_of_the_window_in_which_it_is_furthest_from_an_end() -> None:
    windows = [window(0, 6), window(4, 6)]
    values = [np.full((8, 1), k) for k in range(2)]
    joined = join(windows, {"logits": values}, {"logits": LENGTH}).values["logits"][0]
    assert joined[:, 0].tolist() == [0] * 6 + [1] * 6  # with one special token at each end


def test_cells_are_moved_and_outputs_of_the_text_averaged() -> None:
    windows = [window(0, 6), window(4, 6)]
    cells = [np.array([[7, 1, 2, 0.5]], dtype=np.float32)] * 2
    outputs = {"cells": cells, "text": [np.array([0.0, 2.0]), np.array([1.0, 0.0])]}
    joined = join(windows, outputs, {"cells": CELLS, "text": ""})
    assert joined.values["cells"][0].tolist() == [[7, 1, 2, 0.5], [7, 5, 6, 0.5]]
    assert joined.values["text"][0].tolist() == [0.5, 1.0]
