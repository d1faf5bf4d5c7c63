"""Answers written to a file as they come: JSON Lines, CSV or Parquet, whole or not at all."""

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from volant.errors import VolantError
from volant.kinds.contract import Kind
from volant.sources.formats.cells import guarded
from volant.workspace.files import whole
from volant.workspace.terminal import json_line

Row = dict[str, Any]
Write = Callable[[list[Row]], object]
Writer = Callable[[Path, pa.Schema], AbstractContextManager[Write]]


def schema_of(kind: Kind, labels: tuple[str, ...], all_scores: bool) -> pa.Schema:
    """The columns of the answers, known before the first: it may have no label, or there may be no answer at all.

    Args:
        kind: Of the bundle.
        labels: The label set.
        all_scores: Whether the probability of every label is among them.

    Example:
        >>> from volant.kinds import KINDS, kind_of_labels
        >>> kind = KINDS[kind_of_labels(exclusive=False)]
        >>> schema_of(kind, ("film", "story"), all_scores=False).field("score").type
        ListType(list<item: double>)
    """
    predicted, score = kind.types
    columns = {"row": pa.int64(), "text": pa.string(), kind.column: predicted, "score": score}
    if all_scores:
        columns["scores"] = pa.struct([(label, pa.float64()) for label in labels])
    return pa.schema(list(columns.items()))


def writer(out: Path | None, schema: pa.Schema) -> AbstractContextManager[Write]:
    """What writes rows of answers to `out`, or prints them as JSON.

    Raises:
        VolantError: If its type isn't one that is written.
    """
    if out is None:
        return _printed()
    writers = {".jsonl": _jsonl_file, ".csv": _csv_file, ".parquet": _parquet_file}
    if out.suffix not in writers:
        raise VolantError(f"--out {out}: allowed are {', '.join(writers)}.")
    return _whole(out, writers[out.suffix], schema)


@contextmanager
def _printed() -> Iterator[Write]:
    yield lambda rows: [print(json_line(row)) for row in rows]  # noqa: T201


@contextmanager
def _whole(out: Path, file: Writer, schema: pa.Schema) -> Iterator[Write]:
    """Write under a temporary name, which becomes `out` only when all went well."""
    with whole(out) as part, file(part, schema) as write:
        yield write


@contextmanager
def _jsonl_file(path: Path, _: pa.Schema) -> Iterator[Write]:
    with path.open("w", encoding="utf-8") as stream:
        yield lambda rows: stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


@contextmanager
def _csv_file(path: Path, schema: pa.Schema) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as stream:
        lines = csv.writer(stream)
        lines.writerow(schema.names)
        yield lambda rows: lines.writerows([guarded(shown(value)) for value in row.values()] for row in rows)


@contextmanager
def _parquet_file(path: Path, schema: pa.Schema) -> Iterator[Write]:
    import pyarrow.parquet as pq  # here: with its file systems it takes longer to import than all of pyarrow

    with pq.ParquetWriter(path, schema, compression="zstd") as file:
        yield lambda rows: file.write_table(pa.Table.from_pylist([_flat(row) for row in rows], schema=schema))


def _flat(row: Row) -> Row:
    """Scores of the labels that hold as a list beside them, since a Parquet column has one type for all rows."""
    return {**row, "score": list(row["score"].values())} if isinstance(row["score"], dict) else row


def shown(value: Any) -> str:
    """A value as a cell: a text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
