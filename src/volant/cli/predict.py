"""The commands of prediction: texts, files, and the last evaluation."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from volant.cli.app import AsJson, app
from volant.cli.reading import Delimiter, Encoding, Escape, FileFormat, Header, Quote
from volant.cli.versions import opened
from volant.errors import VolantError
from volant.workspace import paths
from volant.workspace.terminal import Console, json_line

if TYPE_CHECKING:
    from volant.bundle.bundle import Bundle
from dataclasses import asdict

from volant.cli.app import require_known

PLACE = "A path, or s3://BUCKET/KEY."


@app.command(rich_help_panel="Service")
def batch(  # noqa: PLR0913, PLR0917  (the options that the command offers)
    name: Annotated[str, typer.Argument(help="A flywheel, or the folder of a bundle, such as models/NAME.")],
    file: Annotated[str, typer.Argument(help=f"CSV, TSV, JSON, Parquet or one text per line. {PLACE}")],
    out: Annotated[str, typer.Option(help=f"Where predictions go: JSON Lines, in order, with line numbers. {PLACE}")],
    column: Annotated[
        str | None, typer.Option(help="Column or key of the text; the flywheel's own, or text, by default.")
    ] = None,
    form: FileFormat = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    quote: Quote = None,
    escape: Escape = None,
    header: Header = None,
    version: Annotated[
        str | None, typer.Option(help="A registered version; the champion, else models/NAME, by default.")
    ] = None,
    all_scores: Annotated[bool, typer.Option("--all-scores", help="The probability of every label.")] = False,
    comprehend: Annotated[
        bool, typer.Option("--comprehend", help="Write spans as the lines of an Amazon Comprehend job.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Predict every document of a file, as a batch job of the service does; a rerun resumes where it stopped."""
    from dataclasses import asdict

    from volant.bundle.batch.predicting import tell
    from volant.bundle.batch.run import BatchJob, answer_file
    from volant.service import settings
    from volant.sources.formats.options import Options

    longest = settings.load().limits.characters_per_text
    bundle, number, description = _bundle(name, version)
    console = Console(stderr=True)
    title = file.rpartition("/")[2]
    console.print(description, highlight=False, markup=False, soft_wrap=True)
    with console.status(f"{title}: …") as status:
        reading = Options(encoding, delimiter, quote, escape, header, form)
        job = BatchJob(file, out, column, reading, all_scores, number, longest, comprehend)
        result = answer_file(bundle, job, lambda rows: status.update(f"{title}: {rows:,}"), tell)
    if as_json:
        print(json_line(asdict(result)))  # noqa: T201
    else:
        resumed = f" ({result.resumed:,} by an earlier run)" if result.resumed else ""
        Console().print(f"{result.rows:,} documents predicted{resumed}: {result.out}", highlight=False)


def _bundle(name: str, version: str | None) -> "tuple[Bundle, str | None, str]":
    """Return the bundle to predict with, its version if it is registered, and a sentence that names it."""
    from volant.bundle.batch.predicting import load
    from volant.bundle.bundle import Bundle

    registered = _registered(name, version) if version else _champion(name)
    if registered is None:
        bundle = load(name)
        return bundle, None, f"Predictions by the bundle in {bundle.folder}, which is not a registered version."
    folder, number = registered
    origin = "the champion" if version in (None, "champion") else "as requested"
    return Bundle.load(folder), str(number), f"Predictions by {name} version {number}, {origin}."


def _registered(name: str, version: str) -> tuple[Path, int]:
    with opened(name) as registry:
        number = registry.number(name, version)
        return registry.fetch(name, number), number


def _champion(name: str) -> tuple[Path, int] | None:
    """Return the folder and number of a flywheel's champion, as a job of the service does; None if there is none.

    Raises:
        VolantError: If the registry or the champion can't be read.
    """
    from volant.tracking.existing import registry
    from volant.tracking.stores import has_registry

    if "/" in name or (Path(name) / "manifest.json").is_file() or not has_registry():
        return None
    try:
        with registry(Path()) as versions:
            champion = versions.champion(name) if versions.knows(name) else None
            return champion and (versions.fetch(name, champion.number), champion.number)
    except ModuleNotFoundError:  # a service alone has no MLflow
        return None
    except VolantError as error:
        raise VolantError(f"{error} Or give models/{name}, to use the bundle there.") from error


@app.command(rich_help_panel="Iterate")
def predict(  # noqa: PLR0913, PLR0917  (the options that the command offers)
    name: Annotated[str, typer.Argument(help="A flywheel, or the folder of a bundle.")],
    texts: Annotated[list[str] | None, typer.Argument(help="Texts to predict.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="CSV, TSV, JSON Lines, Parquet or text (one per line) to predict, also .gz")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where the predictions go: .jsonl, .csv or .parquet")] = None,
    column: Annotated[
        str | None, typer.Option(help="Column of --file with the text; the flywheel's own, or text, by default.")
    ] = None,
    form: FileFormat = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    quote: Quote = None,
    escape: Escape = None,
    header: Header = None,
    all_scores: Annotated[bool, typer.Option("--all-scores", help="The probability of every label.")] = False,
    as_json: AsJson = False,
) -> None:
    """Predict texts, or every row of a file, with a trained bundle."""
    from volant.bundle.batch import predicting
    from volant.sources.formats.options import Options

    reading = Options(encoding, delimiter, quote, escape, header, form)
    if file is None:
        of_file = {f"--{name}": value for name, value in asdict(reading).items()}
        _check_texts(texts, {"--out": out, "--column": column} | of_file)
    else:
        _check_file(file, texts, as_json)
    bundle = predicting.load(name)
    if file is not None:
        predicting.predict_file(bundle, file, out, predicting.reading_of(bundle, column, written=reading), all_scores)
    else:
        predicting.predict_texts(bundle, texts or (), all_scores=all_scores, as_json=as_json)


def _check_texts(texts: list[str] | None, of_file: Mapping[str, object]) -> None:
    if not texts:
        raise VolantError('Nothing to predict. Give texts (volant predict NAME "a text") or --file FILE --out FILE.')
    for option, value in of_file.items():
        if value is not None:
            raise VolantError(
                f"{option} {value} requires --file. Put the texts into a file (.txt: one per line), or omit the option."
            )


def _check_file(file: Path, texts: list[str] | None, as_json: bool) -> None:
    if texts or as_json:
        raise VolantError(
            f"--file {file} can't be combined with texts or --json. Put the texts into the file; --out FILE.jsonl "
            "writes JSON."
        )


@app.command(rich_help_panel="Iterate")
def results(name: Annotated[str, typer.Argument(help="A flywheel.")], as_json: AsJson = False) -> None:
    """Show the last evaluation, and what to try next."""
    from volant.evaluation.results import read_results, show_next, show_results

    if not paths.reports(name).exists():
        require_known(name)
    evaluation = read_results(name)
    if as_json:
        print(json_line(evaluation))  # noqa: T201
    else:
        show_results(name, evaluation, Console())
        show_next(name, Console())
