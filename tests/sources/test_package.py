import bz2
import hashlib
import zipfile
from pathlib import Path

import pytest
from pydantic import ValidationError

from volant.errors import VolantError
from volant.sources.mapping import Columns
from volant.sources.package import Package

CSV = "category,text,movie\nfresh,good,M1\nplot,a man walks,M1\nrotten,bad,M2\n"
INFO = "tinydata-1.0.dist-info"


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A real wheel that pip can download from a folder; its code would leave a mark if it ever ran."""
    path = tmp_path / "index" / "tinydata-1.0-py3-none-any.whl"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tinydata/__init__.py", f"open({str(tmp_path / 'ran')!r}, 'w')")
        archive.writestr("tinydata/data/reviews.csv.bz2", bz2.compress(CSV.encode()))
        archive.writestr(
            f"{INFO}/METADATA",
            "Metadata-Version: 2.1\nName: tinydata\nVersion: 1.0\nRequires-Dist: nosuchthing\n",
        )
        archive.writestr(
            f"{INFO}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{INFO}/RECORD", "")
    monkeypatch.setenv("PIP_FIND_LINKS", str(path.parent))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("VOLANT_CACHE", str(tmp_path / "cache"))
    return path


def package(wheel: Path, **fields: str) -> Package:
    known = {"name": "tinydata", "version": "1.0", "member": "tinydata/data/reviews.csv.bz2"}
    known["sha256"] = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return Package(**(known | fields), columns=Columns(label="category", drop_labels=["plot"]))  # type: ignore[arg-type]


def cached(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_the_wheel_is_downloaded_once_read_and_never_run(wheel: Path, tmp_path: Path) -> None:
    rows = package(wheel).read("classify")["train"]
    assert rows["label"].to_pylist() == ["fresh", "rotten"]
    assert rows["movie"].to_pylist() == ["M1", "M2"]
    source = package(wheel)
    wheel.unlink()
    assert source.read("classify")["train"].equals(rows), "the second time it comes from the cache"
    assert not (tmp_path / "ran").exists()
    assert len(cached(tmp_path)) == 1


def test_another_content_is_refused_and_not_cached(wheel: Path, tmp_path: Path) -> None:
    with pytest.raises(VolantError, match=f"(?s)sha256 is [0-9a-f]{{64}}, not {'0' * 64}.*Refused"):
        package(wheel, sha256="0" * 64).read("classify")
    assert cached(tmp_path) == []


def test_a_damaged_cache_is_fetched_again(wheel: Path, tmp_path: Path) -> None:
    package(wheel).read("classify")
    (copy,) = cached(tmp_path)
    copy.write_bytes(b"damaged")
    assert package(wheel).read("classify")["train"].num_rows == 2
    assert hashlib.sha256(copy.read_bytes()).hexdigest() == package(wheel).sha256


def test_a_package_that_pip_cannot_get_says_how_to_go_on(wheel: Path) -> None:
    with pytest.raises(VolantError, match=r"(?s)can't download the wheel of tinydata==2.0.*PIP_FIND_LINKS"):
        package(wheel, version="2.0").read("classify")


def test_a_missing_member_lists_the_data_files(wheel: Path) -> None:
    with pytest.raises(VolantError, match=r"Did you mean 'tinydata/data/reviews.csv.bz2'\? Its data files: tinydata"):
        package(wheel, member="tinydata/data/review.csv").read("classify")


@pytest.mark.parametrize("field", [{"name": "--index-url=x"}, {"version": "1.0 --pre"}, {"sha256": "abc"}])
def test_nothing_but_a_name_reaches_the_command_line(wheel: Path, field: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="String should match pattern"):
        package(wheel, **field)
