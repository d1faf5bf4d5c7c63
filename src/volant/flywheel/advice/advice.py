"""Advice for a flywheel: `reports/<flywheel>/next.md`, from its clean rows and its last evaluation."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from volant import config
from volant.config import model_choice
from volant.config.listing import live_flywheels
from volant.datasets.splits.near_duplicates import clusters
from volant.errors import VolantError
from volant.evaluation.bootstrap import units_of
from volant.flywheel.advice.curve import learning_curve
from volant.flywheel.advice.label_errors import FILE, write_label_errors
from volant.flywheel.advice.mislabelled import MOST_SUSPECTS, Suspect, listed, out_of_fold, suspects
from volant.flywheel.advice.page import page, picture
from volant.flywheel.advice.parts import advise_on_parts, bundle_digest
from volant.flywheel.advice.record import Advice
from volant.flywheel.advice.rows import fair_order, strata
from volant.flywheel.advice.weak import weak_labels, weak_slices
from volant.kinds import KINDS, Kind
from volant.models import Examples, Task
from volant.models.folds import pick
from volant.models.tfidf import Linear
from volant.rendering import canvas
from volant.workspace import paths
from volant.workspace.files import read_table, write_text
from volant.workspace.provenance import digest

MOST_ROWS = 10_000  # refits take seconds to a minute
LEAST_ROWS = 40  # below that a quarter of the rows teaches nothing


def learn(name: str, flywheel: config.Flywheel, root: Path = Path()) -> Advice:
    """Find out what would help, and write `next.md`, `.json`, `.png` and `label_errors.csv` in `reports/<name>/`.

    Of the same rows and config, only what another evaluation found weak is new: that costs nothing.

    A `FileNotFoundError` results if the clean rows are not there, and says which command makes them.
    A `VolantError` results if there are too few train rows.

    Args:
        name: Of the flywheel.
        flywheel: Its config.
        root: The project's root.
    """
    reports = paths.reports(name, root)
    splits = {s: paths.clean(name, root) / f"{s}.parquet" for s in ("train", "validation")}
    tables = {split: read_table(path) for split, path in splits.items()}
    details_path = reports / "details.json"
    details = json.loads(details_path.read_text(encoding="utf-8")) if details_path.exists() else {}
    kind = KINDS[flywheel.kind]
    model = linear_model(name, flywheel, root) if kind.head == "text" else bundle_digest(name, root)
    digests = {split: _rows_digest(table, kind.columns) for split, table in tables.items()}
    made_of = digest([asdict(flywheel), asdict(model) if isinstance(model, Linear) else model, digests])
    kept = _kept(reports, made_of)
    if kept:
        found = kept
    else:
        if isinstance(model, Linear):
            found, rows, suspected = _find_out(name, flywheel, model, tables, made_of)
        else:
            found, rows, suspected = advise_on_parts(name, flywheel, tables["train"], made_of, root)
        write_label_errors(kind, rows, suspected, paths.prepared(name, root) / "train.parquet", reports)
    counts = kind.count(kind.gold(tables["train"]))
    found = replace(found, labels=weak_labels(details, counts), slices=weak_slices(details))
    if found == kept:
        return found
    reports.mkdir(parents=True, exist_ok=True)
    if found.curve:
        canvas.save(picture(found.curve), reports / "next.png")
    write_text(page(found.to_json()), reports / "next.md")
    write_text(json.dumps(found.to_json(), indent=2, ensure_ascii=False) + "\n", reports / "next.json")
    return found


def _find_out(
    name: str, flywheel: config.Flywheel, model: Linear, tables: Mapping[str, pa.Table], made_of: str
) -> tuple[Advice, pa.Table, list[Suspect]]:
    """Refit; return the advice, the train rows that were used, and all likely label errors in them.

    Raises:
        VolantError: If there are too few train rows.
    """
    kind = KINDS[flywheel.kind]
    total = len(tables["train"])
    if total < LEAST_ROWS:
        raise VolantError(f"{name} has {total} train rows; advice needs {LEAST_ROWS} or more. Add some.")
    labels = tuple(flywheel.labels or sorted(kind.count(kind.gold(tables["train"]))))
    task = Task(kind, labels, flywheel.metric, flywheel.seed)
    train, validation = (_examples(tables[split], kind, labels) for split in ("train", "validation"))
    groups = strata(kind, train.gold)
    order = fair_order(groups, flywheel.seed)
    rows = np.sort(order[:MOST_ROWS])
    table = tables["train"].take(rows)
    train = pick(train, rows)
    groups = groups[rows]
    curve = learning_curve(model, train, validation, task, np.searchsorted(rows, order[:MOST_ROWS]))
    said = out_of_fold(model, train, task, _units(table, flywheel.split), groups)
    found = [] if said is None else suspects(said, train, task)
    advice = Advice(
        flywheel=name,
        made_of=made_of,
        rows=len(rows),
        of=total,
        curve=asdict(curve),
        labels=[],
        slices=[],
        suspected=len(found),
        suspects=listed(found, table["id"].to_pylist(), table["text"].to_pylist(), MOST_SUSPECTS),
        metric=flywheel.metric,
    )
    return advice, table, found


def _examples(table: pa.Table, kind: Kind, labels: tuple[str, ...]) -> Examples:
    gold = kind.gold(table)
    return Examples(table["text"].to_pylist(), gold, kind.targets(gold, labels))


def linear_model(name: str, flywheel: config.Flywheel, root: Path) -> Linear:
    """Return the linear model to refit, since the curve of an encoder takes hours.

    The flywheel's own where it is linear or has one beside its encoder; else the project's, of `conf/model/`.

    Args:
        name: Name of the flywheel.
        flywheel: Config of the flywheel.
        root: Root of the project.
    """
    model = config.build(flywheel.model, f"flywheels.{name}.model")
    own = model if isinstance(model, Linear) else getattr(model, "linear", None)
    if isinstance(own, Linear):
        return own
    if not (root / config.CONF / "model" / "linear.yaml").is_file():  # rows and params alone, without a project
        return Linear()
    option = model_choice.option_for(root, live_flywheels(root).get(name, name), "linear")
    return config.build(model_choice.model_tree(root, option), f"{config.CONF}/model/{option}.yaml")


def _units(table: pa.Table, split: config.Split) -> np.ndarray:
    """Return the unit of each row, which must not be split: its group by config, else its near-duplicates."""
    if split.group and split.group in table.column_names:
        return units_of(table, split.group)
    return clusters(table["text"].to_pylist(), split.near_duplicates)


def _rows_digest(table: pa.Table, columns: Sequence[str]) -> str:
    return digest([table[name].to_pylist() for name in table.column_names if name in ("id", "text", *columns)])


def _kept(reports: Path, made_of: str) -> Advice | None:
    """Return the former advice if its inputs are the same; a file that can't be read is made again."""
    path = reports / "next.json"
    if not all(file.exists() for file in (path, reports / "next.md", reports / FILE)):
        return None
    try:
        found = Advice(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        return None
    return found if found.made_of == made_of else None
