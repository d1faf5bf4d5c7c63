"""Rows of every kind of parts of a text are ingested from the columns that the kind itself writes."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.kinds import PARTS, ROWS
from volant.datasets.ingest.checks import rows_of
from volant.datasets.ingest.reading import form_of, read
from volant.kinds import KINDS
from volant.kinds.answers import row
from volant.sources.formats.options import Options

NAMES = {"label": "intent", "spans": "slots", "triples": "facts"}  # of columns, in a user's own files


def written(kind: str, path: Path, names: dict[str, str]) -> list[dict[str, Any]]:
    own = KINDS[kind]
    table = ROWS[kind](40)
    rows = [
        {"text": text, **row(own, annotation)}
        for text, annotation in zip(table["text"].to_pylist(), own.gold(table), strict=True)
    ]
    renamed = [{names.get(key, key): value for key, value in one.items()} for one in rows]
    path.write_text("".join(json.dumps(one) + "\n" for one in renamed))
    return rows


@pytest.mark.parametrize("names", [{}, NAMES], ids=["as the kind", "as the user"])
@pytest.mark.parametrize("configured", [False, True])
@pytest.mark.parametrize("kind", PARTS)
def test_the_columns_of_a_kind_are_read_back(
    kind: str, configured: bool, names: dict[str, str], tmp_path: Path
) -> None:
    """Whether or not the flywheel's own files have other names than accepted feedback."""
    rows = written(kind, tmp_path / "a.jsonl", names)
    own = KINDS[kind]
    own_names = {"label": NAMES[own.columns[0]], "spans": NAMES["spans"]}
    source = {"columns": own_names} if configured else {}
    labels = tuple(sorted(own.count(own.gold(ROWS[kind](40)))))
    form = form_of(kind, source, labels, options=Options())
    result = rows_of(read(str(tmp_path / "a.jsonl"), form), kind, labels)
    assert result.bad == []
    gold = own.gold(result.table)
    assert [{"text": t, **row(own, a)} for t, a in zip(result.table["text"].to_pylist(), gold, strict=True)] == rows
