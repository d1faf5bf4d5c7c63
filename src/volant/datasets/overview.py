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
    """Mark a dataset unused: the next iteration leaves its rows out; rows, card and history stay.

    Raises:
        VolantError: If there is no such dataset, it is marked already, or there is no reason.
    """
    if not reason.strip():
        raise VolantError('A reason is required: --reason "labels of another project".')
    # DVC hashes what a stage has read after it ran: a card that changes in between would count as seen
    with locked(flywheel, root), iteration_lock(f"volant datasets remove {flywheel}", root, PATIENCE):
        found = {card.name: card for card in catalogue.cards(flywheel, root)}
        if name not in found:
            listed = ", ".join(found) or "none"
            raise VolantError(f"{flywheel} has no dataset '{name}'.{did_you_mean(name, found)} It has: {listed}.")
        if found[name].unused:
            raise VolantError(f"{name} is marked unused already: {found[name].unused}.")
        card = replace(found[name], unused=" ".join(reason.split()))
        catalogue.write(card, root)
    return card


def show(found: list[Card], used: Mapping[str, list[int]] | None, console: Console) -> None:
    """Print a table of datasets, the oldest first."""
    table = Table(
        Column("dataset"),
        Column("split"),
        Column("status", wraps=True),
        Column("rows", justify="right"),
        Column("labels", drop=3, wraps=True),
        Column("ingested", drop=2),
        *([Column("versions", drop=1, wraps=True, least=10)] if used is not None else []),
        box=None,
        pad_edge=False,
    )
    for card in found:
        status = f"[red]unused:[/] {escape(card.unused)}" if card.unused else "[green]used[/]"
        row = [card.name, card.split.upper(), status, f"{card.rows:,}", escape(_labels(card)), card.time[:16]]
        versions = ", ".join(map(str, used.get(card.name, []))) or "-" if used is not None else None
        table.add_row(*row, *([versions] if versions else []))
    if found:
        table.show(console)
    else:
        console.print("No datasets yet. Add one: volant ingest FLYWHEEL FILE --split train")


def _labels(card: Card) -> str:
    """The most frequent labels with their rows."""
    counts = sorted(card.labels.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{label} {count:,}" for label, count in counts[:4])
    return shown + (f" and {len(counts) - 4} more" if len(counts) > 4 else "")
