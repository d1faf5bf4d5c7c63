"""Which datasets a flywheel has, which versions used them, and marking one as not to be used any more."""

import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from volant.config import did_you_mean
from volant.datasets import catalogue
from volant.datasets.catalogue import Card
from volant.datasets.locking import PATIENCE, locked
from volant.errors import VolantError
from volant.locking import turn_lock
from volant.terminal import Console


def remove(flywheel: str, name: str, reason: str, root: Path = Path()) -> Card:
    """Mark a dataset unused: the next iteration leaves its rows out; rows, card and history stay.

    Raises:
        VolantError: If there is no such dataset, it is marked already, or there is no reason.
    """
    if not reason.strip():
        raise VolantError('Why is it not to be used? Say it: --reason "labels of another project".')
    # DVC hashes what a stage has read after it ran: a card that changes in between would count as seen
    with locked(flywheel, root), turn_lock(f"volant datasets remove {flywheel}", root, PATIENCE):
        found = {card.name: card for card in catalogue.cards(flywheel, root)}
        if name not in found:
            listed = ", ".join(found) or "none"
            raise VolantError(f"{flywheel} has no dataset '{name}'.{did_you_mean(name, found)} It has: {listed}.")
        if found[name].unused:
            raise VolantError(f"{name} is marked unused already: {found[name].unused}.")
        card = replace(found[name], unused=" ".join(reason.split()))
        catalogue.write(card, root)
    return card


def versions_using(flywheel: str, root: Path = Path()) -> dict[str, list[int]] | None:
    """Dataset to the versions that were trained or tested on it; None where there is no registry to ask.

    Raises:
        VolantError: If there is one, and it can't be asked.
    """
    if not (os.environ.get("MLFLOW_TRACKING_URI") or (root / "mlflow.db").exists()):
        return None
    if not find_spec("volant.tracking.registry"):
        return None
    from volant.tracking.registry import registry

    used: defaultdict[str, list[int]] = defaultdict(list)
    with registry(root) as known:
        for version in known.versions(flywheel):
            for name in version.datasets:
                used[name].append(version.number)
    return {name: sorted(numbers) for name, numbers in used.items()}


def show(found: list[Card], used: Mapping[str, list[int]] | None, console: Console) -> None:
    """Print a table of datasets, the oldest first."""
    table = Table(box=None, pad_edge=False)
    table.add_column("dataset", no_wrap=True)
    table.add_column("split")
    table.add_column("status")
    table.add_column("rows", justify="right")
    table.add_column("labels")
    table.add_column("ingested", no_wrap=True)
    if used is not None:
        table.add_column("versions")
    for card in found:
        status = f"[red]unused:[/] {escape(card.unused)}" if card.unused else "[green]used[/]"
        row = [card.name, card.split.upper(), status, f"{card.rows:,}", escape(_labels(card)), card.time[:16]]
        versions = ", ".join(map(str, used.get(card.name, []))) or "-" if used is not None else None
        table.add_row(*row, *([versions] if versions else []))
    console.print(table if found else "No datasets yet. Bring one: volant ingest FLYWHEEL FILE --split train")


def _labels(card: Card) -> str:
    """The most frequent labels with their rows."""
    counts = sorted(card.labels.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{label} {count:,}" for label, count in counts[:4])
    return shown + (f" and {len(counts) - 4} more" if len(counts) > 4 else "")
