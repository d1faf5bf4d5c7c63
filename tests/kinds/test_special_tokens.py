"""Tokens without characters, such as the one at the start of a text, say nothing about the text."""

import numpy as np

from volant.kinds import KINDS, Calibration
from volant.kinds.outputs import LOGITS, TokenOutputs

SURE = np.array([[0.0, 1.0, 0.0], [0.9, 0.1, 0.0]])  # outside, begins, continues


def test_a_text_without_spans_is_not_uncertain_because_of_them() -> None:
    likely = TokenOutputs({LOGITS: [SURE]}, [np.array([[0, 0], [0, 4]])])
    [annotation] = KINDS["entities"].decode(likely, ["city"], Calibration(), ["home"])
    assert annotation.spans == ()
    assert annotation.scores["city"] == 0.1
    assert KINDS["entities"].confidence(annotation) == 0.9


def test_a_text_without_any_other_token_has_no_label() -> None:
    likely = TokenOutputs({LOGITS: [SURE[:1]]}, [np.array([[0, 0]])])
    [annotation] = KINDS["entities"].decode(likely, ["city"], Calibration(), [""])
    assert (annotation.spans, annotation.scores) == ((), {"city": 0.0})
