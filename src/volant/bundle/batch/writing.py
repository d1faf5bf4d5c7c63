"""Answers written to a file as they arrive: JSON Lines, CSV or Parquet, completely or not at all."""

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from volant.errors import VolantError
from volant.kinds.answers import column_types
from volant.kinds.contract import Kind
from volant.sources.formats.cells import guarded
from volant.workspace.files import whole
from volant.workspace.terminal import json_line

Row = dict[str, Any]
Write = Callable[[list[Row]], object]
Writer = Callable[[Path, pa.Schema], AbstractContextManager[Write]]


def schema_of(kind: Kind, labels: tuple[str, ...], all_scores: bool) -> pa.Schema:
    """Return the columns of the answers, which are needed before the first answer.

    Args:
        kind: Kind of task of the bundle.
        labels: The label set.
        all_scores: Include the probability of every label.

    Example:
        >>> from volant.kinds import KINDS, kind_of_labels
        >>> kind = KINDS[kind_of_labels(exclusive=False)]
        >>> schema_of(kind, ("film", "story"), all_scores=False).field("score").type
        ListType(list<item: double>)
    """
    columns = {"row": pa.int64(), "text": pa.string(), **column_types(kind), "score": kind.types[1]}
    if all_scores:
        columns["scores"] = pa.struct([(label, pa.float64()) for label in labels])
    return pa.schema(list(columns.items()))


def writer(out: Path | None, schema: pa.Schema) -> AbstractContextManager[Write]:
    """Return a context manager that yields a function that writes rows of answers to `out`, or prints them as JSON.

    Raises:
        VolantError: If the type of `out` isn't supported.
    """
    if out is None:
        return _printed()
    writers = {".jsonl": _jsonl_file, ".csv": _csv_file, ".parquet": _parquet_file}
    if out.suffix not in writers:
        raise VolantError(
            f"--out {out}: the extension '{out.suffix}' is not supported. Allowed: {', '.join(writers)}. "
            "Rename the output file."
        )
    return _whole(out, writers[out.suffix], schema)


@contextmanager
def _printed() -> Iterator[Write]:
    yield lambda rows: [print(json_line(row)) for row in rows]  # noqa: T201


@contextmanager
def _whole(out: Path, file: Writer, schema: pa.Schema) -> Iterator[Write]:
    """Write under a temporary name, and rename to `out` only after success."""
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
        yield lambda rows: lines.writerows(map(_cells, rows))


@contextmanager
def _parquet_file(path: Path, schema: pa.Schema) -> Iterator[Write]:
    import pyarrow.parquet as pq  # imported here: it takes longer than all of pyarrow, because of its file systems

    with pq.ParquetWriter(path, schema, compression="zstd") as file:
        yield lambda rows: file.write_table(pa.Table.from_pylist([_flat(row) for row in rows], schema=schema))


def _cells(row: Row) -> list[str]:
    return [guarded(shown(value)) for value in row.values()]


def _flat(row: Row) -> Row:
    """Return a row with the scores of its labels as a parallel list: a Parquet column has one type for all rows."""
    return {**row, "score": list(row["score"].values())} if isinstance(row["score"], dict) else row


def shown(value: Any) -> str:
    """Return a value as a cell: a text unchanged, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
