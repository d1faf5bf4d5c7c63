"""Windows over long texts: parts of a text's tokens that overlap, and their outputs joined to those of the text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from volant.kinds.outputs import CELLS, LENGTH, TokenOutputs


@dataclass(frozen=True)
class Window:
    """A part of a text's own tokens, between the special tokens that the tokenizer adds.

    Attributes:
        text: Number of the text.
        first: Number of its first own token in the text.
        ids: Token ids, with the special tokens, (T,).
        offsets: Characters of each token in the text, (T, 2) int64.
        left: Number of special tokens before the own ones.
        right: Number of special tokens after them.
    """

    text: int
    first: int
    ids: list[int]
    offsets: np.ndarray
    left: int
    right: int

    @property
    def end(self) -> int:
        """Number of the token after the last own one, in the text."""
        return self.first + len(self.ids) - self.left - self.right


def cuts(tokens: int, room: int) -> list[tuple[int, int]]:
    """Return first token and end of each window: as few as fit, of even distance, a third of each in common.

    Args:
        tokens: Number of a text's own tokens.
        room: Largest number of tokens of a window.

    Example:
        >>> cuts(5, 9), cuts(14, 9)
        ([(0, 5)], [(0, 9), (5, 14)])
    """
    if tokens <= room:
        return [(0, tokens)]
    step = max(1, room - room // 3)
    count = -(-(tokens - room) // step) + 1
    starts = np.linspace(0, tokens - room, count).round().astype(int).tolist()
    return [(start, start + room) for start in starts]


def join(
    windows: Sequence[Window], values: Mapping[str, Sequence[np.ndarray]], axes: Mapping[str, str]
) -> TokenOutputs:
    """Return the outputs of whole texts from those of their windows.

    Each token has the outputs of the window in which it is furthest from an end, so that they hardly depend on where a
    window begins. Outputs of the whole text are averaged; cells are moved to the tokens of the text.

    Args:
        windows: Windows of all texts, in order.
        values: For each output one array per window.
        axes: For each output the name of its first axis: `LENGTH`, `CELLS`, or another for an output of the whole text.
    """
    groups = _texts(windows)
    joined = {name: _by_text(groups, arrays, axes[name]) for name, arrays in values.items()}
    return TokenOutputs(joined, _by_text(groups, [window.offsets for window in windows], LENGTH))


def _texts(windows: Sequence[Window]) -> list[dict[int, Window]]:
    """Return the windows of each text, by their number."""
    groups: list[dict[int, Window]] = []
    for number, window in enumerate(windows):
        if not number or windows[number - 1].text != window.text:
            groups.append({})
        groups[-1][number] = window
    return groups


def _by_text(groups: Sequence[Mapping[int, Window]], arrays: Sequence[np.ndarray], axis: str) -> list[np.ndarray]:
    """Return the array of each text."""
    texts = []
    for own in groups:
        parts = [arrays[number] for number in own]
        texts.append(_joined(list(own.values()), parts, axis))
    return texts


def _joined(windows: Sequence[Window], arrays: Sequence[np.ndarray], axis: str) -> np.ndarray:
    if len(windows) == 1:
        return arrays[0]
    if axis == CELLS:
        return np.concatenate([_moved(cells, window.first) for window, cells in zip(windows, arrays, strict=True)])
    return _tokens(windows, arrays) if axis == LENGTH else np.mean(arrays, axis=0)


def _tokens(windows: Sequence[Window], arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Return the tokens of each window up to the middle of what it has in common with the next one."""
    middles = [(a.end + b.first) // 2 for a, b in pairwise(windows)]
    parts = []
    for window, array, start, end in zip(windows, arrays, [0, *middles], [*middles, windows[-1].end], strict=True):
        left = start - window.first + window.left if start else 0
        right = len(array) if window is windows[-1] else end - window.first + window.left
        parts.append(array[left:right])
    return np.concatenate(parts)


def _moved(cells: np.ndarray, tokens: int) -> np.ndarray:
    """Return cells, each a class, tokens and a value, as cells of a text that begins some tokens before."""
    return cells + np.array([0, *[tokens] * (cells.shape[1] - 2), 0], dtype=cells.dtype)
