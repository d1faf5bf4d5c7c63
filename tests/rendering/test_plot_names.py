"""Labels of every script in plots: with a font of this machine, else as numbers with a legend; never as boxes."""

import warnings
from pathlib import Path

import pytest

from volant.evaluation.plots import confusion
from volant.rendering import canvas

LABELS = ["good", "好评", "अच्छा"]


@pytest.mark.parametrize("bare", [False, True])
def test_labels_without_a_font_are_numbers_and_nothing_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare: bool
) -> None:
    if bare:  # a machine with matplotlib's own fonts only
        monkeypatch.setattr(canvas, "_font_for", lambda missing: None if missing else "")
    canvas.drawable.cache_clear()
    shown = canvas.names(LABELS)
    assert shown["good"] == "good"
    if bare:
        assert [shown[label] for label in LABELS[1:]] == ["[3]", "[2]"]
        assert canvas.legend(LABELS).endswith("[2] अच्छा, [3] 好评.")
    with warnings.catch_warnings(action="error"):
        canvas.save(confusion([(label, label) for label in LABELS], LABELS), tmp_path / "a.png")
    canvas.drawable.cache_clear()
