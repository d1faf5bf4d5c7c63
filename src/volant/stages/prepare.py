"""Stage `prepare`: read the source and the lake, split into train, validation and test, and describe the data."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from volant import config
from volant.datasets.describe.card import write_card
from volant.datasets.describe.warnings import alike
from volant.datasets.merge import added, gather
from volant.datasets.splits.split import Splits, split_rows
from volant.kinds import KINDS
from volant.sources.columns import check_rows
from volant.sources.unmatched import take_notes
from volant.stages import run_stage
from volant.workspace import paths
from volant.workspace.files import write_table
from volant.workspace.terminal import Console


def prepare(name: str, flywheel: config.Flywheel, root: Path = Path()) -> tuple[Splits, list[str]]:
    """Read the rows of the source and of the lake, and return their splits and warnings.

    A `VolantError` results if the source or a dataset can't be read, or a model can't be trained on the
    rows.

    Args:
        name: Name of the flywheel.
        flywheel: Config of the flywheel.
        root: Root of the project.
    """
    kind = KINDS[flywheel.kind]
    read = config.build(flywheel.source, f"flywheels.{name}.source").read(flywheel.kind)
    source, unmatched = take_notes(read)
    found = gather(name, source, root)
    warnings = unmatched + check_rows(added(found.source["train"], found.lake.get("train")), flywheel.kind, name)
    if flywheel.labels:
        for table in found.all:
            kind.targets(kind.gold(table), flywheel.labels)  # raises for a label that is not in the config
        warnings += _without_rows(flywheel.labels, [kind.count(kind.gold(table)) for table in found.all])
    done = split_rows(found.source, kind, flywheel.split, found.lake)
    return done, warnings + alike(done.report)


def _without_rows(labels: Sequence[str], counts: Sequence[Mapping[str, int]]) -> list[str]:
    """Return a warning about the labels of the config that no row has."""
    there = set().union(*counts)
    none = [label for label in labels if label not in there]
    return [f"labels: no row has {', '.join(map(repr, none[:10]))}. Check their spelling."] if none else []


def main(name: str) -> None:
    """Read the source and the lake, write the splits and the data card."""
    console = Console()
    flywheel = config.flywheel(name)
    with console.status(f"reading the source of {name}"):
        done, warnings = prepare(name, flywheel)
    for split, table in done.splits.items():
        write_table(table, paths.prepared(name) / f"{split}.parquet")
    write_card(name, flywheel.description, KINDS[flywheel.kind], done.splits, done.report, paths.reports(name))
    console.print(f"{name}: " + ", ".join(f"{split} {len(table):,}" for split, table in done.splits.items()) + " rows")
    for warning in warnings:
        console.print(f"warning: {warning}", style="yellow", markup=False, highlight=False)


if __name__ == "__main__":
    run_stage(main)
