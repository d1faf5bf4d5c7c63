"""Answering many texts from a file, in constant memory, and a few from the command line."""

from collections.abc import Iterator, Sequence
from itertools import islice
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
from volant.bundle.batch.writing import schema_of, shown, writer
from volant.bundle.bundle import CHUNK, Bundle
from volant.errors import VolantError, did_you_mean
from volant.kinds.answers import answer
from volant.rendering.table import Column, Table
from volant.sources import texts as sources
from volant.sources.formats.options import Options
from volant.sources.texts import Reading
from volant.workspace import paths
from volant.workspace.terminal import Console, json_line


def load(name: str) -> Bundle:
    """The bundle of a flywheel (`models/<name>`), or the one in the folder `name`.

    Raises:
        VolantError: If neither holds a bundle; lists the flywheels that have one.
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
    """Print the answers to a few texts."""
    answers = [answer(bundle.kind, a, None if all_scores else 1) for a in bundle.predict(texts)]
    if as_json:
        for text, found in zip(texts, answers, strict=True):
            print(json_line({"text": text, **found}))  # noqa: T201
        return
    table = Table(*(Column(name, wraps=True) for name in ("text", *answers[0])))
    for text, found in zip(texts, answers, strict=True):
        table.add_row(text, *map(shown, found.values()))
    table.show(Console(markup=False))  # "[b]" in a text or label is what it says


def predict_file(
    bundle: Bundle, file: Path, out: Path | None, reading: Reading | None = None, all_scores: bool = False
) -> None:
    """Answer every row of a file; the answers keep their order and carry the row's number.

    Args:
        bundle: What answers.
        file: CSV, TSV, JSON Lines, Parquet, or `.txt` with one document a line; compressed or not.
        out: `.jsonl`, `.csv` or `.parquet`; written whole or not at all. Standard output if left out.
        reading: Column that holds the text, and what is known of the file; as `reading_of` says if left out.
        all_scores: Add the probability of every label.

    Raises:
        VolantError: If a file's type isn't known, the column is missing, or a line is broken.
    """
    texts = sources.read_texts(str(file), reading or reading_of(bundle), tell)
    done = 0
    schema = schema_of(bundle.kind, bundle.labels, all_scores)
    with writer(out, schema) as write, _progress() as bar:
        task = bar.add_task(file.name, total=None)
        while chunk := list(islice(texts, CHUNK)):
            answers = bundle.predict(chunk)
            write(
                [
                    {"row": done + i, "text": t, **answer(bundle.kind, a, None if all_scores else 1)}
                    for i, (t, a) in enumerate(zip(chunk, answers, strict=True), 1)
                ]
            )
            done += len(chunk)
            bar.update(task, completed=done)
        bar.update(task, total=done)
    if out:
        Console(markup=False).print(f"{done:,} rows answered: {out}", highlight=False)


def reading_of(bundle: Bundle, column: str | None = None, written: Options | None = None) -> Reading:
    """How texts are read for a bundle: as its flywheel's source says where that is live here, else the usual way.

    Args:
        bundle: What answers.
        column: Column that holds the text; else the flywheel's own, or `text`.
        written: How the file is written, as far as it is given.

    Raises:
        VolantError: If `params.yaml` is there, and wrong.
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
    """The texts of a file, one after the other, without reading all of it into memory; see `volant.sources.texts`."""
    return sources.read_texts(str(file), Reading((column,), (written or Options()).form()), tell)


def tell(sentence: str) -> None:
    """Print what a file was found to be, beside the answers."""
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
