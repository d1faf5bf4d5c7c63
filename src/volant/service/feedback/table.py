"""Feedback in the terminal: a table for the review, and the result of the ingestion."""

import getpass
from collections.abc import Sequence

from rich.markup import escape

from volant.rendering.table import Column, Table
from volant.service.feedback.items import Item
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
        console.print(f"There is no such feedback of {flywheel}.", highlight=False)
        return
    table = Table(
        Column("id"),
        Column("time", drop=3),
        Column("text", wraps=True, least=12),
        Column("predicted", wraps=True, least=10),
        Column("right", wraps=True, least=10),
        Column("status", drop=1),
        Column("why", drop=2, wraps=True),
    )
    for item in items:
        text = f"(of answer {item.event_id})" if item.text is None else item.text[:200]
        right = "not that" if item.labels is None else _labels(item.labels)
        cells = [text, _labels(item.predicted), right, item.status, "; ".join(item.reasons)]
        table.add_row(item.id, item.time[:16], *map(escape, cells))
    table.show(console)
    console.print(f"Next: volant feedback accept {flywheel} ID…, or volant feedback reject …", highlight=False)


def show_ingest(flywheel: str, brought: IngestResult, console: Console) -> None:
    """Print the result of the ingestion of accepted feedback.

    Args:
        flywheel: Name of the flywheel.
        brought: The result.
        console: Output.
    """
    for one, why in brought.refused.items():
        console.print(f"{one} can't be learnt from, and is rejected: {why}", style="yellow", markup=False)
    if brought.dataset:
        console.print(f"{brought.dataset}: {brought.rows:,} TRAIN rows are in the lake of {flywheel}.", highlight=False)
        console.print(f"Next: volant iterate {flywheel}", highlight=False)
    else:
        known = f" ({brought.known:,} rows are there already)" if brought.known else ""
        console.print(f"Nothing new: the lake stays as it is{known}.", highlight=False)


def who() -> str:
    """Return the name of the reviewer: the user of this machine."""
    try:
        return getpass.getuser()
    except OSError:  # a user id without a name, as in a container
        return "a person"


def _labels(labels: Sequence[str] | None) -> str:
    return "?" if labels is None else ", ".join(labels) or "-"
