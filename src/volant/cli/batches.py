"""The verb of a batch job without a server."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from volant.cli.app import AsJson, app
from volant.cli.files import Delimiter, Encoding, Escape, FileFormat, Header, Quote
from volant.cli.registry import opened
from volant.errors import VolantError
from volant.terminal import Console, json_line

if TYPE_CHECKING:
    from volant.bundle import Bundle

PLACE = "A path, or s3://BUCKET/KEY."


@app.command(rich_help_panel="Service")
def batch(  # noqa: PLR0913, PLR0917  (the options that the command offers)
    name: Annotated[str, typer.Argument(help="A flywheel, or the folder of a bundle, such as models/NAME.")],
    file: Annotated[str, typer.Argument(help=f"CSV, TSV, JSON, Parquet or one text a line. {PLACE}")],
    out: Annotated[str, typer.Option(help=f"Where answers go: JSON Lines, in order, with line numbers. {PLACE}")],
    column: Annotated[
        str | None, typer.Option(help="Column or key that holds the text; the flywheel's own, or text, if left out.")
    ] = None,
    form: FileFormat = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    quote: Quote = None,
    escape: Escape = None,
    header: Header = None,
    version: Annotated[
        str | None, typer.Option(help="A registered version; the champion, else models/NAME, if left out.")
    ] = None,
    all_scores: Annotated[bool, typer.Option("--all-scores", help="The probability of every label.")] = False,
    as_json: AsJson = False,
) -> None:
    """Answer every document of a file, as a batch job of the service does; run again, it goes on where it stopped."""
    from dataclasses import asdict

    from volant.batch import tell
    from volant.service import settings
    from volant.service.jobs_shell import Asked, answer_file
    from volant.sources.formats.options import Options

    limits = settings.load()
    bundle, number, which = _found(name, version)
    console, shown = Console(stderr=True), file.rpartition("/")[2]
    console.print(which, highlight=False, markup=False, soft_wrap=True)
    with console.status(f"{shown}: …") as status:
        written = Options(encoding, delimiter, quote, escape, header, form)
        asked = Asked(file, out, column, written, all_scores, number, limits)
        done = answer_file(bundle, asked, lambda rows: status.update(f"{shown}: {rows:,}"), tell)
    if as_json:
        print(json_line(asdict(done)))  # noqa: T201
    else:
        resumed = f" ({done.resumed:,} by an earlier run)" if done.resumed else ""
        Console().print(f"{done.rows:,} documents answered{resumed}: {done.out}", highlight=False)


def _found(name: str, version: str | None) -> "tuple[Bundle, str | None, str]":
    """The bundle that answers, its version if it is registered, and what is said of it."""
    from volant.batch import load
    from volant.bundle import Bundle

    registered = _registered(name, version) if version else _champion(name)
    if registered is None:
        bundle = load(name)
        return bundle, None, f"Answered by the bundle in {bundle.folder}, which is no registered version."
    folder, number = registered
    what = "the champion" if version in (None, "champion") else "as asked for"
    return Bundle.load(folder), str(number), f"Answered by {name} version {number}, {what}."


def _registered(name: str, version: str) -> tuple[Path, int]:
    with opened(name) as found:
        number = found.number(name, version)
        return found.fetch(name, number), number


def _champion(name: str) -> tuple[Path, int] | None:
    """The active version of a flywheel, as a job of the service has; None where there is none."""
    from volant.service.registry import known, registry

    if "/" in name or (Path(name) / "manifest.json").is_file() or not known():
        return None
    try:
        with registry(Path()) as found:
            champion = found.champion(name) if found.knows(name) else None
            return champion and (found.fetch(name, champion.number), champion.number)
    except ModuleNotFoundError:  # a service alone has no MLflow
        return None
    except VolantError as error:
        raise VolantError(f"{error} Or give models/{name}, for the bundle there.") from error
