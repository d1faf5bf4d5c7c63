"""When a quick model comes before a flywheel's own."""

from pathlib import Path

import pytest

from support.tiny import flywheel
from volant.config import Config
from volant.flywheel import iteration
from volant.flywheel.iteration import needs_first


@pytest.mark.parametrize(("family", "wanted"), [("transformer", True), ("linear", False), ("auto", False)])
def test_only_a_model_that_takes_minutes_needs_one(
    family: str, wanted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(iteration, "_require_live", lambda *_: None)
    monkeypatch.setattr(
        iteration.compose, "compose_config", lambda *_: Config(1, {"mine": flywheel("classify", {"family": family})})
    )
    assert needs_first("mine", (), tmp_path) is wanted


def test_a_flywheel_with_an_iteration_behind_it_needs_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iteration, "_require_live", lambda *_: None)
    monkeypatch.setattr(iteration.last_iteration, "read", lambda *_: {"bundle": "a"})
    assert not needs_first("mine", (), tmp_path)
