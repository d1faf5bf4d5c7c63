"""Predictions for the texts of a file, in constant memory, and for a few texts from the command line."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from volant import config
from volant.bundle.batch.answering import answerer, chunks
from volant.bundle.batch.writing import schema_of, shown, writer
from volant.bundle.bundle import CHUNK, Bundle
from volant.errors import VolantError, did_you_mean
from volant.kinds import Kind, answers
from volant.kinds.record import Annotation
from volant.rendering.table import Column, Table
from volant.sources import texts as sources
from volant.sources.formats.options import Options
from volant.sources.texts import Reading
from volant.workspace import paths
from volant.workspace.terminal import Console, json_line


def load(name: str) -> Bundle:
    """Return the bundle of a flywheel (`models/<name>`), or the one in the folder `name`.

    Raises:
        VolantError: If neither contains a bundle; the message lists the flywheels that have one.
    """
    for folder in (paths.bundle(name), Path(name)):
        if (folder / "manifest.json").is_file():
            return Bundle.load(folder)
    trained = sorted(path.parent.name for path in paths.bundle("").glob("*/manifest.json"))
    raise VolantError(
        f"There is no bundle for '{name}' in models/ here.{did_you_mean(name, trained)} "
        f"Trained: {', '.join(trained) or 'none'}. "
        f"Train it with `volant iterate {name}`, fetch it with `dvc pull models/{name}`, or give a bundle's folder."
    )


def predict_texts(bundle: Bundle, texts: Sequence[str], all_scores: bool = False, as_json: bool = False) -> None:
    """Print the answers to a few texts.

    Args:
        bundle: The bundle that predicts.
        texts: Raw texts.
        all_scores: Print the probability of every label.
        as_json: Print JSON lines instead of a table.
    """
    if as_json:
        for text, row in zip(texts, answerer(bundle, None, all_scores)(texts), strict=True):
            print(json_line({"text": text, **row}))  # noqa: T201
        return
    predicted = bundle.predict(texts)
    rows = [
        answers.shown(bundle.kind, annotation, text) | _scores(bundle.kind, annotation, all_scores)
        for text, annotation in zip(texts, predicted, strict=True)
    ]
    table = Table(*(Column(name, wraps=True) for name in rows[0]))
    for row in rows:
        table.add_row(*row.values())
    table.show(Console(markup=False))  # no markup: a text or label may contain "[b]"


def _scores(kind: Kind, annotation: Annotation, all_scores: bool) -> dict[str, str]:
    answer = answers.answer(kind, annotation, None if all_scores else 1)
    return {name: shown(answer[name]) for name in ("score", "scores") if name in answer}


def predict_file(
    bundle: Bundle, file: Path, out: Path | None, reading: Reading | None = None, all_scores: bool = False
) -> None:
    """Answer every row of a file, in order; each answer names the number of its row.

    Args:
        bundle: The bundle that predicts.
        file: CSV, TSV, JSON Lines, Parquet, or `.txt` with one document per line; compressed or not.
        out: `.jsonl`, `.csv` or `.parquet` file, written completely or not at all; standard output if None.
        reading: Column that holds the text, and options of the file; the result of `reading_of` if None.
        all_scores: Add the probability of every label.

    Raises:
        VolantError: If the file's type is unknown, the column is missing, or a line is broken.
    """
    texts = sources.read_texts(str(file), reading or reading_of(bundle), tell)
    answer = answerer(bundle, None, all_scores)
    done = 0
    with writer(out, schema_of(bundle.kind, bundle.labels, all_scores)) as write, _progress() as bar:
        task = bar.add_task(file.name, total=None)
        for chunk in chunks(enumerate(texts, 1), CHUNK):
            rows = zip(chunk, answer([text for _, text in chunk]), strict=True)
            write([{"row": number, "text": text, **row} for (number, text), row in rows])
            done += len(chunk)
            bar.update(task, completed=done)
        bar.update(task, total=done)
    if out:
        Console(markup=False).print(f"{done:,} rows answered: {out}", highlight=False)


def reading_of(bundle: Bundle, column: str | None = None, written: Options | None = None) -> Reading:
    """Return how texts are read for a bundle: as configured for its flywheel if that is live here, else by default.

    Args:
        bundle: The bundle that predicts.
        column: Column that holds the text; by default the flywheel's own, or `text`.
        written: Options of the file that are set explicitly.

    Raises:
        VolantError: If `params.yaml` exists and is invalid.
    """
    live = config.load().flywheels if config.PARAMS.exists() else {}
    flywheel = live.get(bundle.manifest["flywheel"])
    source = flywheel.source if flywheel else {}
    own = (source.get("columns") or {}).get("text", "text")
    return Reading(
        columns=(column,) if column else tuple(dict.fromkeys([own, "text"])),
        form=(written or Options()).form(source),
        labels=bundle.labels,
    )


def read_texts(file: str | Path, column: str, written: Options | None = None) -> Iterator[str]:
    """Yield the texts of a file one by one, without reading all of it into memory; see `volant.sources.texts`.

    Args:
        file: The file.
        column: Column that holds the text.
        written: Options of the file that are set explicitly.
    """
    return sources.read_texts(str(file), Reading((column,), (written or Options()).form()), tell)


def tell(sentence: str) -> None:
    """Print the detected format of a file to standard error."""
    Console(stderr=True, markup=False).print(sentence, highlight=False)


def _progress() -> Progress:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)
