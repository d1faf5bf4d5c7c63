"""Answering many texts from a file, in constant memory, and a few from the command line."""

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from volant.bundle import CHUNK, Bundle
from volant.errors import VolantError
from volant.schema import Annotation, part_path

Row = dict[str, Any]
Write = Callable[[list[Row]], object]


def load(name: str) -> Bundle:
    """The bundle of a flywheel (`models/<name>`), or the one in the folder `name`.

    Raises:
        VolantError: If neither holds a bundle; lists the flywheels that have one.
    """
    for folder in (Path("models") / name, Path(name)):
        if (folder / "manifest.json").is_file():
            return Bundle.load(folder)
    trained = sorted(path.parent.name for path in Path("models").glob("*/manifest.json"))
    raise VolantError(
        f"There is no bundle for '{name}' in models/ here. Trained: {', '.join(trained) or 'none'}. "
        f"Train it with `volant iterate {name}`, fetch it with `dvc pull models/{name}`, or give a bundle's folder."
    )


def predict_texts(bundle: Bundle, texts: Sequence[str], all_scores: bool = False, as_json: bool = False) -> None:
    """Print the answers to a few texts."""
    answers = [answer(bundle, a, all_scores) for a in bundle.predict(texts)]
    if as_json:
        for text, found in zip(texts, answers, strict=True):
            print(json.dumps({"text": text, **found}, ensure_ascii=False))  # noqa: T201
        return
    table = Table("text", *answers[0])
    for text, found in zip(texts, answers, strict=True):
        table.add_row(text, *map(_shown, found.values()))
    Console().print(table)


def answer(bundle: Bundle, annotation: Annotation, all_scores: bool) -> Row:
    """An annotation as a flat row: label and its score, or labels and theirs; every score on request."""
    scores = {label: round(float(score), 6) for label, score in annotation.scores.items()}
    if bundle.kind.column == "label":
        row: Row = {"label": annotation.label, "score": scores[annotation.label or ""]}
    else:
        row = {
            "labels": list(annotation.labels),
            "score": {label: scores[label] for label in annotation.labels},
        }
    return {**row, "scores": scores} if all_scores else row


def predict_file(bundle: Bundle, file: Path, out: Path | None, column: str = "text", all_scores: bool = False) -> None:
    """Answer every row of a file; the answers keep their order and carry the row's number.

    Args:
        bundle: What answers.
        file: `.csv`, `.tsv`, `.jsonl`, `.parquet`, or text with one document a line.
        out: `.jsonl`, `.csv` or `.parquet`; written whole or not at all. Standard output if left out.
        column: Column that holds the text.
        all_scores: Add the probability of every label.

    Raises:
        VolantError: If a file's type isn't known, the column is missing, or a line is broken.
    """
    texts = read_texts(file, column)
    done = 0
    with _writer(out) as write, _progress() as bar:
        task = bar.add_task(file.name, total=None)
        while chunk := list(islice(texts, CHUNK)):
            answers = bundle.predict(chunk)
            write(
                [
                    {"row": done + i, "text": t, **answer(bundle, a, all_scores)}
                    for i, (t, a) in enumerate(zip(chunk, answers, strict=True), 1)
                ]
            )
            done += len(chunk)
            bar.update(task, completed=done)
        bar.update(task, total=done)
    if out:
        Console().print(f"{done:,} rows answered: {out}", highlight=False)


def read_texts(file: Path, column: str) -> Iterator[str]:
    """The texts of a file, one after the other, without reading all of it into memory."""
    if not file.is_file():
        raise VolantError(f"{file} does not exist.")
    readers = {
        ".csv": _csv,
        ".tsv": _csv,
        ".jsonl": _jsonl,
        ".ndjson": _jsonl,
        ".parquet": _parquet,
        ".txt": _lines,
    }
    if file.suffix not in readers:
        raise VolantError(f"{file}: files of type '{file.suffix}' are not read here; allowed: {', '.join(readers)}.")
    return readers[file.suffix](file, column)


def _csv(file: Path, column: str) -> Iterator[str]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream, delimiter="\t" if file.suffix == ".tsv" else ",", strict=True)
        _check(file, column, reader.fieldnames or [])
        try:
            for row in reader:
                yield row[column] or ""
        except (csv.Error, UnicodeDecodeError) as error:
            raise VolantError(
                f"{file}, near line {reader.line_num}: {error}. Mend the line, or save as UTF-8."
            ) from error


def _jsonl(file: Path, column: str) -> Iterator[str]:
    for number, line in enumerate(_lines(file, column), 1):
        try:
            row = json.loads(line)
            yield str(row[column])
        except (ValueError, KeyError, TypeError) as error:
            raise VolantError(f"{file}, line {number}: no JSON object with the key '{column}' ({error!r}).") from error


def _parquet(file: Path, column: str) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        parquet = pq.ParquetFile(file)
    except pa.ArrowException as error:
        raise VolantError(f"{file} is not a Parquet file: {error}") from error
    _check(file, column, parquet.schema_arrow.names)
    for batch in parquet.iter_batches(CHUNK, columns=[column]):
        yield from (text or "" for text in batch.column(0).to_pylist())


def _lines(file: Path, _: str) -> Iterator[str]:
    with file.open(encoding="utf-8-sig") as stream:
        try:
            yield from (line.rstrip("\n") for line in stream)
        except UnicodeDecodeError as error:
            raise VolantError(f"{file} is not UTF-8: {error}. Save it as UTF-8.") from error


def _check(file: Path, column: str, columns: Iterable[str]) -> None:
    if column not in columns:
        raise VolantError(f"{file} has no column '{column}'. Name one with --column: {', '.join(columns)}.")


def _writer(out: Path | None) -> AbstractContextManager[Write]:
    if out is None:
        return _printed()
    writers = {".jsonl": _jsonl_file, ".csv": _csv_file, ".parquet": _parquet_file}
    if out.suffix not in writers:
        raise VolantError(f"--out {out}: allowed are {', '.join(writers)}.")
    return _whole(out, writers[out.suffix])


@contextmanager
def _printed() -> Iterator[Write]:
    yield lambda rows: [print(json.dumps(row, ensure_ascii=False)) for row in rows]  # noqa: T201


@contextmanager
def _whole(out: Path, writer: Callable[[Path], AbstractContextManager[Write]]) -> Iterator[Write]:
    """Write under a temporary name, which becomes `out` only when all went well."""
    out.parent.mkdir(parents=True, exist_ok=True)
    part = part_path(out)
    try:
        with writer(part) as write:
            yield write
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _jsonl_file(path: Path) -> Iterator[Write]:
    with path.open("w", encoding="utf-8") as stream:
        yield lambda rows: stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


@contextmanager
def _csv_file(path: Path) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)

        def write(rows: list[Row]) -> None:
            if not stream.tell():
                writer.writerow(rows[0])
            writer.writerows([_shown(value) for value in row.values()] for row in rows)

        yield write


@contextmanager
def _parquet_file(path: Path) -> Iterator[Write]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer: list[pq.ParquetWriter] = []

    def write(rows: list[Row]) -> None:
        table = pa.Table.from_pylist([_flat(row) for row in rows], schema=writer[0].schema if writer else None)
        if not writer:
            writer.append(pq.ParquetWriter(path, table.schema, compression="zstd"))
        writer[0].write_table(table)

    try:
        yield write
    finally:
        for opened in writer:
            opened.close()


def _flat(row: Row) -> Row:
    """Scores of the labels that hold as a list beside them, since a Parquet column has one type for all rows."""
    return {**row, "score": list(row["score"].values())} if isinstance(row["score"], dict) else row


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _progress() -> Progress:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)
