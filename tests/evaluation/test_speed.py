import time
from pathlib import Path

import pytest

from volant.evaluation.speed import folder_size, latencies, timed


def test_each_call_has_one_text_and_a_warm_up_is_not_counted() -> None:
    calls: list[list[str]] = []
    took = latencies(calls.append, ["a", "b", "c"])
    assert len(took) == 3
    assert calls == [["a"], ["b"], ["c"]] * 2


def test_a_slow_model_stops_at_the_limit_and_milliseconds_are_right() -> None:
    took = latencies(lambda _: time.sleep(0.02), ["a"] * 50, seconds=0.1)
    assert 1 <= len(took) < 10
    assert 20 <= min(took) < 200


def test_time_and_size(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/b").write_bytes(b"12345")
    (tmp_path / "a").write_bytes(b"123")
    assert folder_size(tmp_path) == 8
    value, seconds = timed(lambda: time.sleep(0.01) or 7)
    assert value == 7
    assert seconds == pytest.approx(0.01, abs=0.1)
