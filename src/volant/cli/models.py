"""Verbs of a trained model: answer texts, show what evaluation found."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from volant.cli.app import AsJson, app, require_known
from volant.cli.files import Delimiter, Encoding, Escape, FileFormat, Header, Quote
from volant.errors import VolantError
from volant.terminal import Console, json_line


@app.command(rich_help_panel="The turn")
def predict(  # noqa: PLR0913, PLR0917  (the options that the command offers)
    name: Annotated[str, typer.Argument(help="A flywheel, or the folder of a bundle.")],
    texts: Annotated[list[str] | None, typer.Argument(help="Texts to answer.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="CSV, TSV, JSON Lines, Parquet or text (a line each) to answer, also .gz")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where the answers go: .jsonl, .csv or .parquet")] = None,
    column: Annotated[
        str | None, typer.Option(help="Column of --file that holds the text; the flywheel's own, or text, if left out.")
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
    """Answer texts, or every row of a file, with a trained bundle."""
    from volant import batch
    from volant.sources.formats.options import Options

    if file is None and not texts:
        raise VolantError('Nothing to predict. Give texts (volant predict NAME "a text") or --file FILE --out FILE.')
    if file is not None and (texts or as_json):
        raise VolantError(
            f"--file {file} takes neither texts beside it nor --json. Put the texts into the file; --out FILE.jsonl "
            "writes JSON."
        )
    written = Options(encoding, delimiter, quote, escape, header, form)
    of_file = {"--out": out, "--column": column} | {f"--{name}": value for name, value in asdict(written).items()}
    if file is None and (given := [f"{option} {value}" for option, value in of_file.items() if value is not None]):
        raise VolantError(
            f"{given[0]} goes with a --file. Put the texts into one (.txt: a line each), or leave the option out."
        )
    bundle = batch.load(name)
    if file is not None:
        batch.predict_file(bundle, file, out, batch.reading_of(bundle, column, written=written), all_scores)
    else:
        batch.predict_texts(bundle, texts or (), all_scores=all_scores, as_json=as_json)


@app.command(rich_help_panel="The turn")
def results(name: Annotated[str, typer.Argument(help="A flywheel.")], as_json: AsJson = False) -> None:
    """Show what the last evaluation found, and what to try next."""
    from volant.results import read_results, show_next, show_results

    if not (Path("reports") / name).exists():
        require_known(name)
    found = read_results(name)
    if as_json:
        print(json_line(found))  # noqa: T201
    else:
        show_results(name, found, Console())
        show_next(name, Console())
