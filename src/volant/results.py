"""What an evaluation found, read back from its reports, and what to try next."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from volant.errors import VolantError

NEXT = """
Try next:
  volant predict {name} "your text"            answer texts; --file FILE --out FILE for many
  make run FLYWHEEL={name} MODEL=linear        the same data with another family (linear, recurrent, transformer)
  volant new mine --data my.csv                your own data: a flywheel of its own
  dvc plots show                               confusion, curves, calibration in the browser
  make mlflow                                  every run so far"""


def read_results(name: str, root: Path = Path()) -> dict[str, Any]:
    """`metrics.json`, `speed.json` and `train.json` of a flywheel, by file name.

    Raises:
        VolantError: If the flywheel was not evaluated yet.
    """
    folder = root / "reports" / name
    try:
        return {
            part: json.loads((folder / f"{part}.json").read_text("utf-8")) for part in ("metrics", "speed", "train")
        }
    except FileNotFoundError as error:
        raise VolantError(
            f"{name} has no evaluation yet ({error.filename}). Run `make run FLYWHEEL={name}`."
        ) from error


def show_results(name: str, found: dict[str, Any]) -> None:
    """Print the figures as a table, and the next commands."""
    metrics, speed = found["metrics"], found["speed"]
    table = Table(
        "metric",
        "test",
        "95 % interval",
        "majority",
        "chance",
        title=f"{name}: {metrics['rows']:,} test rows",
    )
    for column in table.columns[1:]:
        column.justify = "right"
    skipped = ("rows", "lift", "ece", "ece_before")
    for metric, value in metrics.items():
        if isinstance(value, dict) or metric in skipped or metric.endswith(("_low", "_high")):
            continue
        ends = [f"{metrics[f'{metric}_{end}']:.3f}" for end in ("low", "high") if f"{metric}_{end}" in metrics]
        baselines = [metrics.get(line, {}).get(metric) for line in ("majority", "chance")]
        table.add_row(metric, f"{value:.3f}", " to ".join(ends), *("" if b is None else f"{b:.3f}" for b in baselines))
    console = Console()
    console.print(table)
    console.print(
        f"calibration error {metrics['ece']:.3f} (before scaling {metrics['ece_before']:.3f}); model "
        f"{speed['size_bytes'] / 1e6:.1f} MB {found['train']['precision']}, {speed['latency_p50_ms']:.1f} ms a text, "
        f"{speed['texts_per_second']:,.0f} texts/s",
        highlight=False,
    )
    console.print(f"Report with plots, slices and the worst errors: reports/{name}/report.md", highlight=False)
    console.print(NEXT.format(name=name), highlight=False)
