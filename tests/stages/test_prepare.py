"""Bad input is refused with what to mend, before anything is written."""

from pathlib import Path
from typing import Any

import pytest

from volant import config
from volant.config import Flywheel
from volant.errors import VolantError
from volant.stages.prepare import prepare

ROWS = [f"text number {i} of some length,{'yes' if i % 2 else 'no'}" for i in range(60)]


def flywheel(path: Path, **changes: Any) -> Flywheel:
    source = {"_target_": "volant.sources.files.Files", "train": str(path), "watch": {"train": str(path), "test": "x"}}
    tree: dict[str, Any] = {
        "kind": "classify",
        "description": "made up",
        "source": source | changes.pop("source", {}),
        "cleaning": [],
        "model": {"_target_": "volant.models.linear.Linear"},
        "metric": "macro_f1",
        "seed": 1,
    }
    return config.validate(Flywheel, tree | changes, "flywheel")


def prepared(tmp_path: Path, content: str | bytes, **changes: Any) -> Any:
    path = tmp_path / "rows.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return prepare("mine", flywheel(path, **changes))


def test_good_rows_are_cut(tmp_path: Path) -> None:
    done, _ = prepared(tmp_path, "\n".join(["text,label", *ROWS]))
    assert sum(len(table) for table in done.splits.values()) == 60


@pytest.mark.parametrize(
    ("content", "changes", "message"),
    [
        ("\n".join(["words,label", *ROWS]), {}, r"'text'.*words"),
        ("\n".join(["text,label", *ROWS]), {"labels": ["yes", "nope"]}, r"'no'.*Did you mean .nope."),
        ("\n".join(["text,label", *[row.replace(",no", ",yes") for row in ROWS]]), {}, r"one|single"),
        ("", {}, "empty"),
        ("text,label\n", {}, "no labelled rows"),
        ("\n".join(["text,label", *ROWS, '"open quote,yes']), {}, "line 62"),
        ("\n".join(["text,label", *ROWS, "café,yes"]).encode("latin-1"), {}, "encoding"),
        (b"text,label\n" + b"\0\1\2\3" * 100, {}, "binary|NUL"),
        ("text,label\n" + "x" * 3_000_000 + ",yes\n", {}, "line 2"),
        ("\n".join(["text,label", *ROWS]), {"split": {"group": "movie"}}, "'movie'"),
    ],
)
def test_bad_rows_are_refused(tmp_path: Path, content: str | bytes, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(VolantError, match=message):
        prepared(tmp_path, content, **changes)
