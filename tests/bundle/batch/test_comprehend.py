"""Lines of Amazon Comprehend: what can't be answered has an error, and labels of whole texts have no such lines."""

import pytest

from volant.bundle.batch.comprehend import comprehend_lines
from volant.errors import VolantError
from volant.kinds import KINDS


def test_a_document_that_can_not_be_answered() -> None:
    line = comprehend_lines(KINDS["entities"], "a.txt")({"line": 3, "error": "too long"})
    assert line == {"ErrorCode": "INVALID_REQUEST", "ErrorMessage": "too long", "File": "a.txt", "Line": 2}


def test_a_kind_without_spans_is_refused() -> None:
    with pytest.raises(VolantError, match="predicts no spans"):
        comprehend_lines(KINDS["classify"], "a.txt")
