"""Outputs of a model for N texts: one row per text, or arrays of any shape over its tokens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

LENGTH = "length"  # name of an axis of an output that has the number of tokens
CELLS = "cells"  # name of an axis whose items are a class, tokens of the text and a value
CANDIDATES = "candidates"  # name of an output: cells of a class, the first and last tokens of two parts, and a logit
LOGITS = "logits"  # name of an output: logits of labels, or of the classes of tokens
TEXT = "text"  # name of an output: logits of a label of the text, beside those of its tokens
TRANSITIONS = "transitions"  # name of an output: scores of a class after another, (C, C)
IGNORED = -100  # class of a token that has none, which PyTorch's losses ignore


@dataclass(frozen=True)
class TokenOutputs:
    """Outputs over the tokens of N texts.

    Attributes:
        values: For each output of the model, one array per text, of any shape: (T, C) for a class of each token, (L,)
            for a label of the text, (K, 6) for the K most likely pairs of parts, each a class, four tokens and a value.
        offsets: For each text the first character of each token and the one after its last, in the cleaned text, (T, 2)
            int64; both 0 for a token without characters, such as the one at the start of a text.

    Example:
        >>> outputs = TokenOutputs({"tokens": [np.zeros((2, 3))]}, [np.array([[0, 0], [0, 4]])])
        >>> len(outputs)
        1
    """

    values: Mapping[str, Sequence[np.ndarray]]
    offsets: Sequence[np.ndarray]

    def __len__(self) -> int:
        return len(self.offsets)


Outputs = np.ndarray | TokenOutputs
