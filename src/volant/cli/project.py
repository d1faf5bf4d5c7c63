"""The commands of the project: config, flywheels, lake, sweeps."""

from typing import Annotated

import typer

from volant.cli.app import AsJson, app
from volant.cli.reading import Delimiter, Documents, Encoding, Escape, Header, Quote, Where
from volant.workspace.terminal import Console, json_line

sweep = typer.Typer(help="Hyper-parameter sweeps; run one by `python -m volant.sweep -m flywheel=NAME sweep=FAMILY`.")
app.add_typer(sweep, name="sweep", rich_help_panel="Project")


@app.command(rich_help_panel="Project")
def params(
    overrides: Annotated[list[str] | None, typer.Argument(help="Hydra overrides: flywheels.reviews.seed=7")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only check that params.yaml matches conf/.")] = False,
) -> None:
    """Compose conf/ into params.yaml."""
    from volant.config import compose

    if check:
        _check_params()
        return
    from volant.config import model_choice

    changed = compose.write_params(overrides=model_choice.expand(overrides or []))
    print("params.yaml written." if changed else "params.yaml is up to date.")  # noqa: T201


def _check_params() -> None:
    from volant.config import compose

    try:
        compose.check_params()
    except compose.StaleError as error:  # 1, as a comparison that finds a difference; 2 is an error
        Console(stderr=True).print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error
    print("params.yaml is up to date.")  # noqa: T201


@app.command(rich_help_panel="Project")
def new(  # noqa: PLR0913, PLR0917  (the options that the command offers)
    name: Annotated[str, typer.Argument(help="Name of the flywheel: letters, digits, - and _")],
    data: Annotated[str, typer.Option(help="Labelled rows: CSV, TSV, JSON Lines or Parquet, also .gz or s3://")],
    text: Annotated[str | None, typer.Option(help="Column of the text; detected by default.")] = None,
    label: Annotated[
        str | None,
        typer.Option(help="Column of the label, or several of 0 and 1, such as toxic,rude; detected by default."),
    ] = None,
    separator: Annotated[str | None, typer.Option(help="Separator of the labels in a cell, such as '|'")] = None,
    test: Annotated[
        str | None, typer.Option(help="A test file of the same form; split from --data by default.")
    ] = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    quote: Quote = None,
    escape: Escape = None,
    header: Header = None,
    where: Where = None,
    documents: Documents = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a flywheel of this name.")] = False,
    as_json: AsJson = False,
) -> None:
    """Create a flywheel from your own file, and make it live."""
    from dataclasses import asdict

    from volant.config.compose import write_params
    from volant.flywheel.new.create import new as create
    from volant.flywheel.new.report import show_report
    from volant.sources.formats.options import Options, parse_where

    report = create(
        name,
        data,
        text=text,
        label=label,
        separator=separator,
        test=test,
        form=Options(encoding, delimiter, quote, escape, header, documents=documents).form(),
        where=parse_where(where or []),
        force=force,
        then=write_params,
    )
    if as_json:
        print(json_line(asdict(report)))  # noqa: T201
    else:
        show_report(report)


@app.command(rich_help_panel="Project")
def flywheels(as_json: AsJson = False) -> None:
    """List the live flywheels and those that one line would make live."""
    from dataclasses import asdict

    from volant.config import listing

    entries = listing.flywheels()
    if as_json:
        print(json_line([asdict(entry) for entry in entries]))  # noqa: T201
    else:
        listing.show_flywheels(entries)


@app.command(rich_help_panel="Project")
def lake(
    target: Annotated[
        str | None, typer.Argument(help="s3://bucket/prefix, or a folder; show and check the lake by default.")
    ] = None,
    endpoint_url: Annotated[str | None, typer.Option(help="Address of an S3 server that isn't Amazon's.")] = None,
) -> None:
    """Show where data, models and runs are stored, or change that place."""
    from volant.workspace import lake as lakes

    Console().print(lakes.command(target, endpoint_url), highlight=False)


@sweep.command("apply")
def sweep_apply(
    name: Annotated[str, typer.Argument(help="A flywheel.")],
    study: Annotated[str | None, typer.Option(help="This study instead of the flywheel's newest.")] = None,
    trial: Annotated[int | None, typer.Option(help="This trial instead of the best.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Even if the current model has a better validation score.")
    ] = False,
) -> None:
    """Write the best trial of the last sweep back into conf/, so that `make repro` trains it."""
    from volant.sweep.apply import apply
    from volant.sweep.show import show_applied

    show_applied(apply(name, study=study, trial=trial, force=force))
