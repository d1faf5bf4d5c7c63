"""The overview of a flywheel's datasets: the versions that used them, and marking one unused."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rich.markup import escape

from volant.datasets import catalogue
from volant.datasets.catalogue import Card
from volant.datasets.ingest.lock import PATIENCE, locked
from volant.errors import VolantError, did_you_mean
from volant.rendering.table import Column, Table
from volant.workspace.locks import iteration_lock
from volant.workspace.terminal import Console


def remove(flywheel: str, name: str, reason: str, root: Path = Path()) -> Card:
    """Mark a dataset unused: the next iteration excludes its rows; rows, card and history stay.

    Args:
        flywheel: Name of the flywheel.
        name: Name of the dataset.
        reason: Reason why it must not be used any more.
        root: Root of the project.

    Raises:
        VolantError: If there is no such dataset, it is marked already, or there is no reason.
    """
    if not reason.strip():
        raise VolantError('A reason is required: --reason "labels of another project".')
    # DVC hashes the files that a stage has read after it ran: a card that changes in between would count as read
    with locked(flywheel, root), iteration_lock(f"volant datasets remove {flywheel}", root, PATIENCE):
        by_name = {card.name: card for card in catalogue.cards(flywheel, root)}
        if name not in by_name:
            names = ", ".join(by_name) or "none"
            raise VolantError(f"{flywheel} has no dataset '{name}'.{did_you_mean(name, by_name)} It has: {names}.")
        if by_name[name].unused:
            raise VolantError(f"{name} is marked unused already: {by_name[name].unused}.")
        card = replace(by_name[name], unused=" ".join(reason.split()))
        catalogue.write(card, root)
    return card


def show(cards: list[Card], versions_by_name: Mapping[str, list[int]] | None, console: Console) -> None:
    """Print a table of datasets.

    Args:
        cards: Cards of the datasets.
        versions_by_name: Numbers of the versions that used each dataset; None if they are not available.
        console: Console to print to.
    """
    table = Table(
        Column("dataset"),
        Column("split"),
        Column("status", wraps=True),
        Column("rows", justify="right"),
        Column("labels", drop=3, wraps=True),
        Column("ingested", drop=2),
        *([] if versions_by_name is None else [Column("versions", drop=1, wraps=True, least=10)]),
        box=None,
        pad_edge=False,
    )
    for card in cards:
        status = f"[red]unused:[/] {escape(card.unused)}" if card.unused else "[green]used[/]"
        row = [card.name, card.split.upper(), status, f"{card.rows:,}", escape(_labels(card)), card.time[:16]]
        if versions_by_name is not None:
            row.append(", ".join(map(str, versions_by_name.get(card.name, []))) or "-")
        table.add_row(*row)
    if cards:
        table.show(console)
    else:
        console.print("No datasets yet. Add one: volant ingest FLYWHEEL FILE --split train")


def _labels(card: Card) -> str:
    """Return the most frequent labels with their number of rows as text."""
    counts = sorted(card.labels.items(), key=lambda item: (-item[1], item[0]))
    text = ", ".join(f"{label} {count:,}" for label, count in counts[:4])
    return text + (f" and {len(counts) - 4} more" if len(counts) > 4 else "")
