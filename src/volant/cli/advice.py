"""Verbs of what would help: where a flywheel stands to gain, and which texts to label next."""

from pathlib import Path
from typing import Annotated

import typer

from volant.cli.app import AsJson, app
from volant.terminal import Console, json_line, plain


@app.command("next", rich_help_panel="The turn")
def next_(name: Annotated[str, typer.Argument(help="A flywheel.")], as_json: AsJson = False) -> None:
    """Show what would help next: more data, mended labels, weak spots (reports/NAME/next.md)."""
    from rich.markdown import Markdown

    from volant import config, learning

    flywheel = config.flywheel(name)
    with Console(stderr=True).status(f"finding out what would help {name}"):
        advice = learning.learn(name, flywheel)
    if as_json:
        print(json_line(advice.to_json()))  # noqa: T201
        return
    path = Path("reports") / name / "next.md"
    console = Console()
    console.print(Markdown(plain(path.read_text(encoding="utf-8"))))
    console.print(f"{path}", style="dim", markup=False)


@app.command(rich_help_panel="Data")
def suggest(
    name: Annotated[str, typer.Argument(help="A flywheel.")],
    pool: Annotated[str, typer.Option(help="Texts without labels: CSV, TSV, JSON Lines, Parquet, text; also s3://")],
    out: Annotated[Path, typer.Option(help="CSV to fill in and ingest.")],
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="How many rows to choose.")] = 100,
    column: Annotated[str, typer.Option(help="Column of --pool that holds the text.")] = "text",
    as_json: AsJson = False,
) -> None:
    """Choose the texts of a pool that are most worth labelling next."""
    from volant import config, learning
    from volant.learning.suggest import refuse_existing, write_suggested

    refuse_existing(out)
    flywheel = config.flywheel(name)
    with Console(stderr=True).status(f"answering {pool}"):
        found = learning.suggest(name, flywheel, pool, count, column)
    write_suggested(found, out)
    if as_json:
        print(json_line({**found.to_json(), "out": str(out)}))  # noqa: T201
        return
    drawn = f"{found.answered:,} of its texts answered, {found.known:,} known already, {found.twins:,} twins left out"
    lines = [
        f"{pool}: {found.pool:,} rows; {drawn}.",
        f"{out}: {len(found.rows):,} texts to label. Fill in the column `label`, then:",
        f"  volant ingest {name} {out} --split train",
    ]
    Console().print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
