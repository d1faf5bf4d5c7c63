"""The commands of datasets and feedback: add, list, accept, reject, mark as unused."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Annotated, Any

import typer

from volant.cli.app import AsJson, Listing, app, require_known
from volant.cli.reading import Delimiter, Documents, Encoding, Escape, Header, Quote, Where
from volant.errors import VolantError
from volant.workspace.terminal import Console, json_line

datasets = typer.Typer(
    cls=Listing,
    help="List the datasets of a flywheel (volant datasets NAME), or mark one as unused.",
    no_args_is_help=True,
)
app.add_typer(datasets, name="datasets", rich_help_panel="Data")

Name = Annotated[str, typer.Argument(help="A flywheel.", metavar="FLYWHEEL")]


@app.command(rich_help_panel="Data")
def ingest(  # noqa: PLR0913, PLR0917  (the options that the command offers)
    name: Name,
    files: Annotated[
        list[str],
        typer.Argument(
            help="CSV, TSV, JSON, Parquet, CoNLL, exports of labelling tools, augmented manifests; also s3://",
            metavar="FILE...",
        ),
    ],
    split: Annotated[str, typer.Option(help="Side of the rows: train or test.")],
    called: Annotated[str | None, typer.Option("--name", help="Name of the dataset; the file's by default.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only report; change nothing.")] = False,
    max_bad: Annotated[int, typer.Option(min=0, help="Bad rows that are skipped without refusing the file.")] = 0,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Write bad rows beside the file, add the rest.")] = False,
    new_labels: Annotated[
        bool, typer.Option("--new-labels", help="Accept labels that the flywheel doesn't have yet.")
    ] = False,
    text: Annotated[str | None, typer.Option(help="Column of the text; detected by default.")] = None,
    label: Annotated[
        str | None, typer.Option(help="Column or manifest attribute of the label; detected by default.")
    ] = None,
    separator: Annotated[str | None, typer.Option(help="Separator of the labels in a cell, such as '|'.")] = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    quote: Quote = None,
    escape: Escape = None,
    header: Header = None,
    where: Where = None,
    documents: Documents = None,
    as_json: AsJson = False,
) -> None:
    """Add labelled rows to the lake, as one validated, immutable dataset."""
    from dataclasses import asdict

    from volant.datasets.ingest.ingest import Options
    from volant.datasets.ingest.ingest import ingest as bring
    from volant.datasets.ingest.report import show
    from volant.sources.formats.options import Options as Reading
    from volant.sources.formats.options import parse_where

    reading = Reading(encoding, delimiter, quote, escape, header, documents=documents)
    options = Options(
        called, dry_run, max_bad, skip_bad, new_labels, text, label, separator, encoding, reading,
        parse_where(where or []),
    )  # fmt: skip
    report = bring(name, files, split, options)
    if as_json:
        print(json_line(asdict(report)))  # noqa: T201
    else:
        show(report, Console())


@datasets.command("list", hidden=True)
def list_datasets(name: Name, as_json: AsJson = False) -> None:
    """List the datasets of a flywheel, oldest first."""
    from dataclasses import asdict

    from volant.datasets import catalogue, overview
    from volant.workspace.paths import lake

    cards = catalogue.cards(name)
    versions = None
    if not lake(name).exists():  # one that is no longer live still has its datasets
        require_known(name)
    try:
        versions = versions_using(name)
    except VolantError as error:  # the lake is listed even if the registry is down
        message = f"The versions that used them are not available: {error}"
        Console(stderr=True).print(message, style="yellow", markup=False, highlight=False)
    if as_json:
        numbers = [None if versions is None else versions.get(card.name, []) for card in cards]
        listing = [asdict(card) | {"versions": some} for card, some in zip(cards, numbers, strict=True)]
        print(json_line(listing))  # noqa: T201
    else:
        overview.show(cards, versions, Console())


@datasets.command()
def remove(
    name: Name,
    dataset: Annotated[str, typer.Argument(help="Name of the dataset, as `volant datasets FLYWHEEL` lists it.")],
    reason: Annotated[str, typer.Option(help="Reason why it must not be used any more.")],
    as_json: AsJson = False,
) -> None:
    """Mark a dataset unused: the next iteration excludes it; its rows and history stay."""
    from dataclasses import asdict

    from volant import config
    from volant.datasets import overview

    config.flywheel(name)
    card = overview.remove(name, dataset, reason)
    if as_json:
        print(json_line(asdict(card)))  # noqa: T201
    else:
        Console(markup=False).print(
            f"{card.name} is marked unused: {card.unused}. Next: volant iterate {name}", highlight=False
        )


def versions_using(flywheel: str, root: Path = Path()) -> dict[str, list[int]] | None:
    """Map each dataset to the versions that were trained or tested on it; None without a registry.

    Fails with `VolantError` if there is a registry that can't be read.
    """
    from volant.tracking.stores import has_registry

    if not has_registry(root):
        return None
    from volant.tracking.existing import reading

    used: defaultdict[str, list[int]] = defaultdict(list)
    with reading(root) as opened:
        for version in opened.versions(flywheel):
            for name in version.datasets:
                used[name].append(version.number)
    return {name: sorted(numbers) for name, numbers in used.items()}


feedback = typer.Typer(
    cls=Listing,
    help="List the feedback of users (volant feedback NAME), accept it or reject it.",
    no_args_is_help=True,
)
app.add_typer(feedback, name="feedback", rich_help_panel="Data")


@feedback.command("list", hidden=True)
def list_feedback(
    name: Name,
    status: Annotated[str | None, typer.Option(help="Only quarantined, accepted or rejected.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the feedback of a flywheel, oldest first."""
    from volant.service.feedback import table
    from volant.service.feedback.log import FeedbackLog

    items = FeedbackLog().items(name, status)
    if not items and not FeedbackLog().items(name):  # one that is no longer live still has its feedback
        require_known(name)
    if as_json:
        print(json_line([item.to_json() for item in items]))  # noqa: T201
    else:
        table.show(name, items, Console())


@feedback.command()
def accept(
    name: Name,
    ids: Annotated[
        list[str] | None, typer.Argument(help="Ids of feedback; without any: what was accepted before.")
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="The correct label, instead of the client's; repeatable.")
    ] = None,
    gold: Annotated[
        str | None, typer.Option(help='The correct columns as JSON instead, such as {"spans": [...]}.')
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Accept feedback; all that is accepted becomes a TRAIN dataset, and ground truth in the lake."""
    from dataclasses import asdict

    from volant import config
    from volant.service.feedback import review, table, truth
    from volant.service.feedback.log import FeedbackLog
    from volant.service.feedback.training import ingest_accepted

    config.flywheel(name)
    log = FeedbackLog()
    if ids:
        review.accept(log, name, ids, table.reviewer(), _correction(label, gold))
    report = ingest_accepted(log, name)
    truth.publish(log, name)
    if as_json:
        print(json_line(asdict(report)))  # noqa: T201
    else:
        table.show_ingest(name, report, Console())


def _correction(labels: list[str] | None, gold: str | None) -> dict[str, Any] | None:
    """Return the correct columns that the options give.

    Raises:
        VolantError: If both are given, or the JSON is no object.
    """
    if gold is None:
        return {"labels": labels} if labels else None
    try:
        columns = json.loads(gold)
    except ValueError:
        columns = None
    if labels or not isinstance(columns, dict):
        raise VolantError(f'--gold {gold} must be a JSON object, such as {{"spans": []}}, and excludes --label.')
    return columns


@feedback.command()
def reject(
    name: Name,
    ids: Annotated[list[str], typer.Argument(help="Ids of feedback, as `volant feedback FLYWHEEL` lists them.")],
    as_json: AsJson = False,
) -> None:
    """Reject feedback: no model is trained on it, and no quorum accepts the same again."""
    from volant.service.feedback import review, table
    from volant.service.feedback.log import FeedbackLog

    items = review.reject(FeedbackLog(), name, ids, table.reviewer())
    if as_json:
        print(json_line([item.to_json() for item in items]))  # noqa: T201
    else:
        Console().print(f"Rejected: {len(items):,} of {name}.", highlight=False)
