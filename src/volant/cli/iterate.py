"""The commands of an iteration: run one, show what would help next, and select texts to label next."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from volant.cli.app import AsJson, app
from volant.errors import VolantError
from volant.workspace import paths
from volant.workspace.terminal import Console, json_line, plain

if TYPE_CHECKING:
    from volant import config, flywheel


@app.command("next", rich_help_panel="Iterate")
def next_(name: Annotated[str, typer.Argument(help="A flywheel.")], as_json: AsJson = False) -> None:
    """Show what would help next: more data, corrected labels, weak spots (reports/NAME/next.md)."""
    from rich.markdown import Markdown

    from volant import config
    from volant.flywheel import advice as learning

    flywheel = config.flywheel(name)
    with Console(stderr=True).status(f"analysing what would help {name}"):
        advice = learning.learn(name, flywheel)
    if as_json:
        print(json_line(advice.to_json()))  # noqa: T201
        return
    path = paths.reports(name) / "next.md"
    console = Console()
    console.print(Markdown(plain(path.read_text(encoding="utf-8"))))
    console.print(f"{path}", style="dim", markup=False)


@app.command(rich_help_panel="Data")
def suggest(
    name: Annotated[str, typer.Argument(help="A flywheel.")],
    pool: Annotated[str, typer.Option(help="Texts without labels: CSV, TSV, JSON Lines, Parquet, text; also s3://")],
    out: Annotated[Path, typer.Option(help="CSV to fill in and ingest.")],
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="Number of rows to choose.")] = 100,
    column: Annotated[str, typer.Option(help="Column of --pool with the text.")] = "text",
    as_json: AsJson = False,
) -> None:
    """Choose the texts of a pool that are most worth labelling next."""
    from volant import config
    from volant.flywheel import advice as learning
    from volant.flywheel.advice.suggest import refuse_existing, write_suggested

    refuse_existing(out)
    flywheel = config.flywheel(name)
    with Console(stderr=True).status(f"predicting {pool}"):
        suggestion = learning.suggest(name, flywheel, pool, count, column)
    write_suggested(suggestion, out)
    if as_json:
        print(json_line({**suggestion.to_json(), "out": str(out)}))  # noqa: T201
        return
    removed = f"{suggestion.known:,} already known, {suggestion.twins:,} near-duplicates removed"
    empty = "`, `".join(suggestion.columns)
    lines = [
        f"{pool}: {suggestion.pool:,} rows; {suggestion.answered:,} of its texts predicted, {removed}.",
        f"{out}: {len(suggestion.rows):,} texts to label. Fill in `{empty}`, then:",
        f"  volant ingest {name} {out} --split train",
    ]
    Console().print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


@app.command(rich_help_panel="Iterate")
def iterate(  # noqa: PLR0913, PLR0917  (the options that the command offers)
    name: Annotated[str, typer.Argument(help="A live flywheel.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="Hydra overrides for this iteration.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only report what would run.")] = False,
    from_version: Annotated[
        int | None, typer.Option(help="Start from the weights of this version; 0: from the encoder's own.")
    ] = None,
    first: Annotated[
        str | None, typer.Option(help="Without a version yet: iterate with this quick model first, such as linear.")
    ] = None,
    advice: Annotated[bool, typer.Option(help="Also report what would help next (reports/NAME/next.md).")] = True,
    as_json: AsJson = False,
) -> None:
    """Run one iteration: train and evaluate what is new, gate, register, promote. Exit code 3: the gate failed."""
    from volant import flywheel
    from volant.config import model_choice
    from volant.evaluation.results import show_next
    from volant.flywheel.show import show_plan

    console = Console(stderr=as_json)
    expanded = model_choice.expand(overrides or [])
    if dry_run:
        _refuse_start(from_version)
        iteration = flywheel.plan(name, expanded)
        show_plan(iteration, console)
    else:
        cases = []
        if first and flywheel.needs_first(name, expanded):
            quick = [*model_choice.expand([f"model@flywheels.{name}.model={first}"]), *expanded]
            cases.append(_run(name, quick, None, console).case)
        iteration = _run(name, expanded, from_version, console, advice)
        if "first" in [*cases, iteration.case]:
            show_next(name, console)
    if as_json:
        print(json_line(iteration.to_json()))  # noqa: T201
    if iteration.outcome == "rejected":
        _exit_as_failed()


def _refuse_start(from_version: int | None) -> None:
    if from_version is not None:
        raise VolantError("--dry-run changes nothing, but --from-version is written into conf/. Omit one of them.")


def _exit_as_failed() -> None:
    raise typer.Exit(3)


def _run(
    name: str, overrides: list[str], start: int | None, console: Console, advice: bool = False
) -> "flywheel.Iteration":
    """Run an iteration, and show its plan, its results and its decision."""
    from volant import flywheel
    from volant.evaluation.results import read_results, show_results
    from volant.flywheel.early_advice import advising
    from volant.flywheel.show import show_iteration, show_plan

    plans: list[flywheel.Iteration] = []

    def planned(iteration: flywheel.Iteration) -> None:
        plans.append(iteration)
        show_plan(iteration, console)

    with advising(name, lambda: plans[-1].config) if advice else nullcontext() as started:
        iteration = flywheel.iterate(name, overrides, planned=planned, start=start, started=started)
    if advice and iteration.config and iteration.case != "nothing":
        _advise(name, iteration.config, console)
    if iteration.ran.executed or iteration.ran.restored:
        show_results(name, read_results(name), console)
    show_iteration(iteration, console)
    return iteration


def _advise(name: str, flywheel: "config.Flywheel", console: Console) -> None:
    """Write the advice; the iteration is complete whether or not this succeeds."""
    from volant.flywheel.advice import learn

    try:
        with console.status("looking for what would help next"):
            learn(name, flywheel)
        console.print(f"What would help next: reports/{name}/next.md", highlight=False)
    except Exception as error:  # the iteration is complete in any case, and is reported
        console.print(f"Advice is not available: {error}", style="yellow", markup=False, highlight=False)
