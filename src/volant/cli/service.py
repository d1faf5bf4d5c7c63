"""The commands of the service: package it, and send it requests."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from volant.cli.app import AsJson, app
from volant.cli.reading import Delimiter, Encoding, Escape, Header, Quote
from volant.cli.versions import opened
from volant.errors import VolantError
from volant.workspace.terminal import Console, json_line


@app.command(rich_help_panel="Service")
def package(
    names: Annotated[list[str], typer.Argument(help="Flywheels whose champions are packaged.")],
    version: Annotated[str, typer.Option(help="Another version: a number, or challenger.")] = "champion",
    ui: Annotated[bool, typer.Option("--ui", help="With the web UI: 12 packages, 200 MB more.")] = False,
    extras: Annotated[
        list[str] | None, typer.Option("--with", help="Also s3 (a lake there), otel, azure (tracing); repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Build a BentoML service of flywheels that runs anywhere: `bentoml serve volant:latest`."""
    from volant.service.package import pack

    with opened(*names) as registry:
        numbers = {name: registry.number(name, version) for name in names}
        bundles = {name: (registry.fetch(name, number), str(number)) for name, number in numbers.items()}
    packed = pack(bundles, extras=[*(["ui"] if ui else []), *(extras or [])])
    if as_json:
        print(json_line(asdict(packed)))  # noqa: T201
        return
    Console().print(
        f"{packed.tag} serves {', '.join(f'{name} version {number}' for name, number in numbers.items())}.\n"
        f"Run it anywhere: bentoml serve {packed.tag}\n"
        f"As an image: bentoml containerize {packed.tag}  (from {packed.containerfile}, "
        f"{len(packed.packages)} packages, none of them for training)",
        highlight=False,
        soft_wrap=True,
    )


@app.command(rich_help_panel="Service")
def request(  # noqa: PLR0913, PLR0917  (the options that the command offers)
    texts: Annotated[list[str] | None, typer.Argument(help="Texts to send.")] = None,
    url: Annotated[str, typer.Option(help="URL of the service.")] = "http://localhost:3000",
    model: Annotated[str | None, typer.Option(help="A deployed name; not needed if there is only one.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Send the rows of a file: CSV, TSV, JSON lines, text.")] = None,
    column: Annotated[str, typer.Option(help="Column of --csv that holds the text.")] = "text",
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    quote: Quote = None,
    escape: Escape = None,
    header: Header = None,
    token: Annotated[str | None, typer.Option(envvar="VOLANT_TOKEN", help="If the service requires one.")] = None,
    as_json: AsJson = False,
) -> None:
    """Send texts to a running service, and show its predictions."""
    from volant.cli.client import ask, show

    _check_sources(texts, csv)
    source = iter(texts or [])
    if csv:
        from volant.bundle.batch.predicting import read_texts  # it can load models, which costs half a second
        from volant.sources.formats.options import Options

        source = read_texts(csv, column, Options(encoding, delimiter, quote, escape, header))
    answers = ask(url, source, model, token)
    if as_json:
        for answer in answers:
            print(json_line(answer))  # noqa: T201
    else:
        show(answers, Console(markup=False))


def _check_sources(texts: list[str] | None, csv: Path | None) -> None:
    if csv is None and not texts:
        raise VolantError('Nothing to send. Give texts (volant request "a text") or --csv FILE.')
    if csv is not None and texts:
        raise VolantError(f"Both texts and --csv {csv} are given. Send one of them, then the other.")
