"""Verbs of what comes back from the service's users: list feedback, accept it, reject it."""

from typing import Annotated

import typer

from volant.cli.app import AsJson, Listing, app, require_known
from volant.terminal import Console, json_line

feedback = typer.Typer(
    cls=Listing,
    help="List what users said of answers (volant feedback NAME), accept it or reject it.",
    no_args_is_help=True,
)
app.add_typer(feedback, name="feedback", rich_help_panel="Data")

Name = Annotated[str, typer.Argument(help="A flywheel.", metavar="FLYWHEEL")]


@feedback.command("list", hidden=True)
def list_feedback(
    name: Name,
    status: Annotated[str | None, typer.Option(help="Only quarantined, accepted or rejected.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the feedback of a flywheel, the oldest first."""
    from dataclasses import asdict

    from volant.service import feedback_show
    from volant.service.feedback_book import Book

    items = Book().items(name, status)
    if not items and not Book().items(name):  # one that is live no more keeps what was said of it
        require_known(name)
    if as_json:
        print(json_line([asdict(item) for item in items]))  # noqa: T201
    else:
        feedback_show.show(name, items, Console())


@feedback.command()
def accept(
    name: Name,
    ids: Annotated[list[str] | None, typer.Argument(help="Of feedback; none: what was accepted before.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="The right label, instead of the client's; repeat.")] = None,
    as_json: AsJson = False,
) -> None:
    """Accept feedback; all that is accepted becomes a TRAIN dataset, and ground truth in the lake."""
    from dataclasses import asdict

    from volant import config
    from volant.service import feedback_review, feedback_show, feedback_truth
    from volant.service.feedback_book import Book
    from volant.service.feedback_training import bring

    config.flywheel(name)
    book = Book()
    if ids:
        feedback_review.accept(book, name, ids, feedback_show.who(), label)
    brought = bring(book, name)
    feedback_truth.publish(book, name)
    if as_json:
        print(json_line(asdict(brought)))  # noqa: T201
    else:
        feedback_show.show_brought(name, brought, Console())


@feedback.command()
def reject(
    name: Name,
    ids: Annotated[list[str], typer.Argument(help="Of feedback, as `volant feedback FLYWHEEL` lists them.")],
    as_json: AsJson = False,
) -> None:
    """Reject feedback: no model learns from it, and no quorum brings the same back."""
    from dataclasses import asdict

    from volant.service import feedback_review, feedback_show
    from volant.service.feedback_book import Book

    items = feedback_review.reject(Book(), name, ids, feedback_show.who())
    if as_json:
        print(json_line([asdict(item) for item in items]))  # noqa: T201
    else:
        Console().print(f"Rejected: {len(items):,} of {name}.", highlight=False)
