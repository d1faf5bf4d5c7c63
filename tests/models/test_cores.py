"""A container's share of the cores counts, not only those that the machine has."""

from pathlib import Path

import pytest

from volant.bundle.runtime.onnx import configured_threads, cores, quota


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "200000 100000\n"}, 2),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "300000\n"}, None),
        ({"cpu.max": "whatever\n"}, None),
        ({}, None),
    ],
)
def test_a_quota_is_so_many_cores(files: dict[str, str], expected: int | None, tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert quota(tmp_path) == expected


def test_cores_are_no_more_than_the_quota(tmp_path: Path) -> None:
    free = cores(tmp_path)
    assert free >= 1
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    assert cores(tmp_path) == 1
    (tmp_path / "cpu.max").write_text("6400000000 100000\n")
    assert cores(tmp_path) == free


@pytest.mark.parametrize(("said", "threads"), [("", None), ("3", 3), ("4,2", 4), (" 2 ", 2), ("0", 0), ("many", None)])
def test_openmp_may_ask_for_threads_in_its_own_ways(
    said: str, threads: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert configured_threads() == threads
