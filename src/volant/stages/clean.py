"""Stage `clean`: prepared rows in, clean rows and a report of what each step changed or dropped out."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from volant import config
from volant.cleaning import clean_tables
from volant.stages import run_stage
from volant.workspace import paths
from volant.workspace.files import read_table, write_table, write_text
from volant.workspace.terminal import Console

SPLITS = ("train", "validation", "test")


def clean(name: str, steps: Sequence[str | dict[str, Any]], root: Path = Path()) -> dict[str, Any]:
    """Clean the prepared splits of a flywheel; returns the report that it writes."""
    splits = {split: read_table(paths.prepared(name, root) / f"{split}.parquet") for split in SPLITS}
    cleaned, report = clean_tables(splits, steps)
    for split, table in cleaned.items():
        write_table(table, paths.clean(name, root) / f"{split}.parquet")
    text = json.dumps(report, indent=2, sort_keys=True, ensure_ascii=False)
    write_text(text + "\n", paths.reports(name, root) / "clean.json")
    return report


def show(report: dict[str, Any], console: Console) -> None:
    """Print rows changed or dropped, a line for each step, a column for each split; warnings are logged."""
    splits = report["splits"]
    table = Table("step", title="cleaning: rows changed or dropped")
    for split in splits:
        table.add_column(split, justify="right")
    table.add_row("rows in", *(f"{splits[s]['rows_in']:,}" for s in splits))
    for step in next(iter(splits.values()))["steps"]:
        counts = [splits[split]["steps"][step] for split in splits]
        table.add_row(step, *(f"{c.get('changed', c.get('dropped')):,}" for c in counts))
    table.add_row("rows out", *(f"{splits[s]['rows_out']:,}" for s in splits))
    console.print(table)


def main(name: str) -> None:
    """Clean the live flywheel NAME."""
    show(clean(name, config.flywheel(name).cleaning), Console())


if __name__ == "__main__":
    run_stage(main)
