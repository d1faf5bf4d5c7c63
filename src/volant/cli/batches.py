"""The verb of a batch job without a server."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from volant.cli.app import AsJson, app
from volant.cli.registry import opened


@app.command(rich_help_panel="Service")
def batch(  # noqa: PLR0913, PLR0917  (the options that the command offers)
    name: Annotated[str, typer.Argument(help="A flywheel, or the folder of a bundle.")],
    file: Annotated[Path, typer.Argument(help="One document a line, CSV, TSV or JSON Lines.")],
    out: Annotated[Path, typer.Option(help="Where the answers go: JSON Lines, in order, with line numbers.")],
    column: Annotated[str, typer.Option(help="Column or key that holds the text.")] = "text",
    form: Annotated[str | None, typer.Option("--format", help="lines, csv, tsv or jsonl; by the name.")] = None,
    version: Annotated[str | None, typer.Option(help="A registered version, or champion; models/NAME if not.")] = None,
    as_json: AsJson = False,
) -> None:
    """Answer every document of a file, as a batch job of the service does; run again, it goes on where it stopped."""
    from dataclasses import asdict

    from volant.batch import load
    from volant.bundle import Bundle
    from volant.service.jobs_shell import answer_file

    bundle = load(name) if version is None else Bundle.load(_registered(name, version))
    console = Console(stderr=True)
    with console.status(f"{file.name}: …") as status:
        done = answer_file(bundle, file, out, column, form, lambda rows: status.update(f"{file.name}: {rows:,}"))
    if as_json:
        print(json.dumps(asdict(done)))  # noqa: T201
    else:
        resumed = f" ({done.resumed:,} by an earlier run)" if done.resumed else ""
        Console().print(f"{done.rows:,} documents answered{resumed}: {done.out}", highlight=False)


def _registered(name: str, version: str) -> Path:
    with opened(name) as found:
        return found.fetch(name, found.number(name, version))
