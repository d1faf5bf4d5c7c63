"""Feedback in the terminal: a table for the review, and the result of the ingestion."""

import getpass
from collections.abc import Sequence

from rich.markup import escape

from volant.rendering.table import Column, Table
from volant.service.feedback.items import Item
from volant.service.feedback.screening import words
from volant.service.feedback.training import IngestResult
from volant.workspace.terminal import Console


def show(flywheel: str, items: Sequence[Item], console: Console) -> None:
    """Print feedback as a table, and the next steps.

    Args:
        flywheel: Name of the flywheel.
        items: The feedback.
        console: Output.
    """
    if not items:
        console.print(f"No matching feedback of {flywheel}.", highlight=False)
        return
    table = Table(
        Column("id"),
        Column("time", drop=3),
        Column("text", wraps=True, least=12),
        Column("predicted", wraps=True, least=10),
        Column("correct", wraps=True, least=10),
        Column("status", drop=1),
        Column("reason", drop=2, wraps=True),
    )
    for item in items:
        text = f"(of prediction {item.event_id})" if item.text is None else item.text[:200]
        predicted = "?" if item.prediction is None else words(item, item.prediction)
        correct = "another" if item.gold is None else words(item, item.gold)
        cells = [text, predicted, correct, item.status, "; ".join(item.reasons)]
        table.add_row(item.id, item.time[:16], *map(escape, cells))
    table.show(console)
    console.print(f"Next: volant feedback accept {flywheel} ID…, or volant feedback reject …", highlight=False)


def show_ingest(flywheel: str, result: IngestResult, console: Console) -> None:
    """Print the result of the ingestion of accepted feedback.

    Args:
        flywheel: Name of the flywheel.
        result: The result.
        console: Output.
    """
    for identity, reason in result.refused.items():
        console.print(f"{identity} is not a valid row, and was rejected: {reason}", style="yellow", markup=False)
    if result.dataset:
        console.print(f"{result.dataset}: {result.rows:,} TRAIN rows are in the lake of {flywheel}.", highlight=False)
        console.print(f"Next: volant iterate {flywheel}", highlight=False)
    else:
        existing = f" ({result.known:,} rows are there already)" if result.known else ""
        console.print(f"Nothing new: the lake is unchanged{existing}.", highlight=False)


def reviewer() -> str:
    """Return the name of the reviewer: the user of this machine."""
    try:
        return getpass.getuser()
    except OSError:  # a user id without a name, as in a container
        return "unknown"
