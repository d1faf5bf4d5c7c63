"""A dataset of the Hugging Face hub, or its copy in a local mirror, which comes first."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field
from pydantic.dataclasses import dataclass

from volant.config import STRICT
from volant.errors import VolantError, did_you_mean
from volant.sources.columns import to_rows
from volant.sources.formats.class_names import name_of, with_class_names
from volant.sources.formats.gold import uniform
from volant.sources.labels import plain
from volant.sources.mapping import Columns

if TYPE_CHECKING:
    from datasets import Dataset

    Split = Path | Dataset

MIRROR = "VOLANT_MIRROR"


@dataclass(frozen=True, config=STRICT)
class Splits:
    """The dataset's own name of each split; None for a split that is not read."""

    train: str = "train"
    validation: str | None = "validation"
    test: str | None = "test"


@dataclass(frozen=True, config=STRICT)
class Hub:
    """A source with the rows of a hub dataset; `conf/source/hub.yaml` describes each field."""

    path: str
    name: str | None = None
    revision: str | None = None
    mirror: str | None = None
    splits: Splits = Field(default_factory=Splits)
    columns: Columns = Field(default_factory=Columns)
    watch: dict[str, str] = Field(default_factory=dict)

    def read(self, kind: str) -> dict[str, pa.Table]:
        """Read the splits from the mirror, else from the hub.

        Fails with `VolantError` if neither has the dataset, or it lacks a split, column or label that config names.
        """
        folder = mirrored(self.path, self.mirror)
        published = _from_mirror(folder) if folder else _from_hub(self.path, self.name, self.revision)
        where = str(folder) if folder else self.path
        names = {"train": self.splits.train, "validation": self.splits.validation, "test": self.splits.test}
        tables = {}
        for role, split in names.items():
            if split is not None and _is_published(role, split, published, where):
                table = _with_label_names(published[split])
                table = uniform(table, range(1, table.num_rows + 1), f"{where}, split {split}", self.columns.tags).table
                if role != "train":
                    _require_labels(table, self.columns, role, f"{where}, split {split}")
                tables[role] = to_rows(table, self.columns, kind, f"{where}, split {split}")
        return tables


def mirrored(path: str, folder: str | None = None) -> Path | None:
    """Return the folder of a dataset in the mirror; None if there is no mirror, or it lacks the dataset.

    Raises:
        VolantError: If the setting is not a folder, as that is a typing error.
    """
    root = os.environ.get(MIRROR)
    if not root:
        return None
    if not Path(root).is_dir():
        raise VolantError(f"{MIRROR}={root} is not a folder. Name a folder with datasets, or unset it to use the hub.")
    names = [folder, path, path.rsplit("/", 1)[-1]]
    candidates = (Path(root) / name for name in names if name and not Path(name).is_absolute())
    return next((candidate for candidate in candidates if any(candidate.glob("*.parquet"))), None)


def _from_mirror(folder: Path) -> "dict[str, Split]":
    return {path.stem: path for path in sorted(folder.glob("*.parquet"))}


def _from_hub(path: str, name: str | None, revision: str | None) -> "dict[str, Split]":
    try:
        import datasets
    except ImportError as error:
        raise VolantError(f"'{path}' requires an extra: pip install 'volant-nlp[train]' ({error}).") from error
    try:
        return {str(split): rows for split, rows in datasets.load_dataset(path, name, revision=revision).items()}
    except Exception as error:
        # The hub's client raises errors of four libraries: network, HTTP, missing dataset, configuration.
        raise VolantError(
            f"Dataset '{path}' can't be loaded from the hub: {error}\n"
            f"Check path, name and revision, and the network. Behind a firewall, put its splits under "
            f"FOLDER/{path}/train.parquet … and set {MIRROR}=FOLDER."
        ) from error


def _is_published(role: str, split: str, published: "Mapping[str, Split]", where: str) -> bool:
    """Return True if a split is published.

    Raises:
        VolantError: If it is not, and is the train split or one that the user named.
    """
    if split in published:
        return True
    if role != "train" and split == role:
        return False
    near = did_you_mean(split, published)
    raise VolantError(f"{where} has no split '{split}' (splits.{role}).{near} It has: {', '.join(published)}.")


def _require_labels(table: pa.Table, columns: Columns, role: str, where: str) -> None:
    """Refuse a split whose labels the publisher withholds.

    Raises:
        VolantError: If no row has a label, or all have -1.
    """
    names = [columns.label] if isinstance(columns.label, str) else columns.label
    column = next((name for name in names if name in table.column_names), None)
    if column and table.num_rows and {plain(value) for value in table[column].to_pylist()} <= {None, "-1", "-1.0"}:
        raise VolantError(
            f"{where}: no row has a label (all are empty or -1): the publisher withholds them. Set "
            f"`splits.{role}: null` under `source`: {role} rows are then split from train."
        )


def _with_label_names(split: "Split") -> pa.Table:
    """Return a split as a table, with the names of its class labels instead of their numbers."""
    if isinstance(split, Path):
        return with_class_names(pq.read_table(split))
    table = cast(pa.Table, split.with_format("arrow")[:])
    for i, (column, feature) in enumerate(split.features.items()):
        inner = getattr(feature, "feature", feature)
        if hasattr(inner, "int2str"):
            values = [name_of(value, inner.names) for value in table[column].to_pylist()]
            table = table.set_column(i, column, pa.array(values))
    return table
