"""Files of spans as labelling tools write them, and the rows that a kind of spans reads from them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from volant.kinds import MODULES
from volant.sources.columns import to_rows
from volant.sources.files import read_sheet_of
from volant.sources.formats import Format, Sheet
from volant.sources.mapping import Columns

KIND = "places"
MODULE = "support.places"
Found = list[tuple[str, list[tuple[str, str]]]]


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a kind of spans, which lives in the tests."""
    monkeypatch.setitem(MODULES, KIND, MODULE)
    return KIND


def written(path: Path, content: Any) -> str:
    """Write text as it is, a list as JSON Lines, everything else as JSON."""
    if isinstance(content, list):
        content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in content)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8", newline="")
    return str(path)


def sheet(path: Path, content: Any, **options: Any) -> Sheet:
    return read_sheet_of(written(path, content), Format(**options))


def rows(path: Path, content: Any, columns: Columns | None = None, **options: Any) -> pa.Table:
    read = sheet(path, content, **options)
    return to_rows(read.table, columns or Columns(), KIND, path.name, read.lines)


def spans(table: pa.Table, column: str = "spans") -> Found:
    """Each text with what its spans cover, and their labels."""
    return [(row["text"], list(covered(row["text"], row[column]))) for row in table.to_pylist()]


def covered(text: str, cells: Any) -> Iterator[tuple[str, str]]:
    return ((text[span["start"] : span["end"]], span["label"]) for span in cells or ())
