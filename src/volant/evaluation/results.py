"""The results of an evaluation, read from its reports, and the commands to try next."""

import json
from pathlib import Path
from typing import Any

from rich.filesize import decimal

from volant.errors import VolantError
from volant.kinds import KINDS
from volant.rendering.table import Column, Table
from volant.workspace import paths
from volant.workspace.terminal import Console

NEXT = """
Try next:
  volant predict {name} "your text"         --file FILE --out FILE answers many
  make serve                                an HTTP API and a web UI, which follow the champion
  volant ingest {name} FILE --split train   new labelled rows; then `volant iterate {name}`
  make run FLYWHEEL={name} MODEL=recurrent  another family: recurrent, transformer; linear for whole texts
  volant new mine --data my.csv             your own data: a flywheel of its own
  dvc plots show                            confusion, curves, calibration in the browser
  make mlflow                               every run so far
(in .venv/bin, or after `. .venv/bin/activate`)"""
# in reports only, not on the terminal: with one label per text, three of the four equal accuracy
DETAILS = ("weighted_precision", "weighted_recall", "micro_precision", "micro_recall")
PARTS = ("details", "speed", "train")


def read_results(name: str, root: Path = Path()) -> dict[str, Any]:
    """Return `details.json`, `speed.json` and `train.json` of a flywheel's reports, by name.

    Raises:
        VolantError: If the flywheel was not evaluated yet.
    """
    folder = paths.reports(name, root)
    try:
        return {part: json.loads((folder / f"{part}.json").read_text("utf-8")) for part in PARTS}
    except FileNotFoundError as error:
        raise VolantError(
            f"{name} has no evaluation yet ({error.filename}). Run `make run FLYWHEEL={name}`."
        ) from error


def show_results(name: str, results: dict[str, Any], console: Console) -> None:
    """Print the test metrics with their intervals, beside majority and chance; reports have more of them.

    Args:
        name: Name of the flywheel.
        results: Its results, as `read_results` returns them.
        console: Console to print on.
    """
    details = results["details"]
    speed = results["speed"]
    rows = sum(label["support"] for label in details["labels"]) if KINDS[details["kind"]].exclusive else None
    drops = {"test": 0, "95 % interval": 0, "majority": 1, "chance": 2}
    columns = [Column(title, drop, "right") for title, drop in drops.items()]
    table = Table("metric", *columns, title=f"{name} on its test rows" + (f" ({rows:,})" if rows else ""))
    for metric, value in details["scores"].items():
        if metric in DETAILS and metric != details["metric"]:
            continue
        ends = " to ".join(f"{end:.3f}" for end in details["intervals"].get(metric, ()))
        lines = [details["baselines"][line].get(metric) for line in ("majority", "chance")]
        style = "bold" if metric == details["metric"] else None
        table.add_row(metric, f"{value:.3f}", ends, *("" if v is None else f"{v:.3f}" for v in lines), style=style)
    calibration = details["calibration"]
    size = f"{decimal(speed['size_bytes'])}, {results['train']['precision']}"
    table.show(console)
    console.print(
        f"Calibration error {calibration['ece']:.3f}, before scaling {calibration['ece_before']:.3f}.\n"
        f"Model {size}: {speed['latency_p50_ms']:.1f} ms per text (p99 {speed['latency_p99_ms']:.1f}), "
        f"{speed['texts_per_second']:,.0f} texts/s.\n"
        f"Report with plots, slices and the worst errors: reports/{name}/report.md",
        highlight=False,
        soft_wrap=True,
    )


def show_next(name: str, console: Console) -> None:
    """Print the commands to try next."""
    console.print(NEXT.format(name=name), highlight=False, soft_wrap=True)
