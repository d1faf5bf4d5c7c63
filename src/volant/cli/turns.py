"""Verbs that turn the flywheel."""

from typing import Annotated

import typer

from volant.cli.app import AsJson, app
from volant.errors import VolantError
from volant.terminal import Console, json_line


@app.command(rich_help_panel="The turn")
def iterate(
    name: Annotated[str, typer.Argument(help="A live flywheel.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="Hydra overrides for this turn.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would run.")] = False,
    from_version: Annotated[
        int | None, typer.Option(help="Start from the weights of this version; 0: from the encoder's own again.")
    ] = None,
    advice: Annotated[bool, typer.Option(help="Also find out what would help next (reports/NAME/next.md).")] = True,
    as_json: AsJson = False,
) -> None:
    """One turn: train and evaluate what is new, gate, register, promote. Exit code 3: the gate said no."""
    from volant import flywheel, model_choice
    from volant.flywheel.show import show_plan, show_turn
    from volant.results import read_results, show_next, show_results

    console = Console(stderr=as_json)
    given = model_choice.expand(overrides or [])
    if dry_run and from_version is not None:
        raise VolantError("--dry-run changes nothing, and --from-version is written into conf/. Leave out one of them.")
    if dry_run:
        turn = flywheel.plan(name, given)
        show_plan(turn, console)
    else:
        turn = flywheel.iterate(name, given, planned=lambda turn: show_plan(turn, console), start=from_version)
        if advice and turn.case != "nothing":
            _advise(name, console)
        if turn.ran.executed or turn.ran.restored:
            show_results(name, read_results(name), console)
        show_turn(turn, console)
        if turn.case == "first":
            show_next(name, console)
    if as_json:
        print(json_line(turn.to_json()))  # noqa: T201
    if turn.outcome == "rejected":
        raise typer.Exit(3)


def _advise(name: str, console: Console) -> None:
    """What would help next; the turn is done and stands whatever becomes of this."""
    from volant import config
    from volant.learning import learn

    try:
        with console.status("looking for what would help next"):
            learn(name, config.flywheel(name))
        console.print(f"What would help next: reports/{name}/next.md", highlight=False)
    except Exception as error:  # whatever becomes of it, the turn is done and is to be told
        console.print(f"No advice: {error}", style="yellow", markup=False, highlight=False)
