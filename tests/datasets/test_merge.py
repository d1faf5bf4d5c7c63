"""Datasets of the lake in prepare: rows stay on their side, and what comes later moves none that was there."""

import csv
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from support.lake import put
from support.texts import reviews
from volant import config
from volant.config import Flywheel
from volant.datasets import catalogue
from volant.datasets.merge import gather, join
from volant.errors import VolantError
from volant.stages.prepare import prepare
from volant.workspace.files import write_table

INGESTED = {"_target_": "volant.sources.ingested.Ingested"}


def flywheel(source: dict[str, Any], **split: Any) -> Flywheel:
    tree = {
        "kind": "classify",
        "description": "made up",
        "source": source,
        "cleaning": [],
        "model": {"_target_": "volant.models.linear.Linear"},
        "metric": "macro_f1",
        "seed": 1,
        "split": split,
    }
    return config.validate(Flywheel, tree, "flywheel")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "rows.csv"
    with path.open("w", newline="") as stream:
        rows = reviews(200, seed=1).drop_columns(["id"]).to_pylist()
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return {"_target_": "volant.sources.files.Files", "train": str(path)}


def splits(root: Path, wheel: Flywheel) -> dict[str, bytes]:
    """The bytes of each split, as the stage writes them."""
    done, _ = prepare("mine", wheel, root)
    written = {}
    for name, table in done.splits.items():
        write_table(table, root / "out.parquet")
        written[name] = (root / "out.parquet").read_bytes()
    return written


def texts(table: pa.Table) -> set[str]:
    return set(table["text"].to_pylist())


@pytest.mark.parametrize("own", [True, False], ids=["source", "lake only"])
@pytest.mark.parametrize("group", [None, "movie"])
def test_new_test_rows_leave_train_and_validation_as_they_were(
    tmp_path: Path, files: dict[str, Any], own: bool, group: str | None
) -> None:
    wheel = flywheel(files if own else INGESTED, group=group)
    before = [splits(tmp_path, wheel)] if own else []
    put(tmp_path, "train", reviews(80, seed=2), 1)
    before.append(splits(tmp_path, wheel))
    for number in (2, 3):
        fresh = reviews(30, seed=number + 10)
        movies = [f"new{number}-{row % 5}" for row in range(30)]
        fresh = fresh.set_column(fresh.column_names.index("movie"), "movie", pa.array(movies))
        fresh = fresh.append_column("stars", pa.array(range(30)))  # a rider that train lacks
        put(tmp_path, "test", fresh, number)
        after = splits(tmp_path, wheel)
        assert after["train"] == before[-1]["train"]
        assert after["validation"] == before[-1]["validation"]
        assert after["test"] != before[-1]["test"]
        before.append(after)


def test_the_first_test_dataset_of_a_flywheel_with_a_source_changes_test_only(
    tmp_path: Path, files: dict[str, Any]
) -> None:
    before = splits(tmp_path, flywheel(files))
    put(tmp_path, "test", reviews(30, seed=5), 1)
    after = splits(tmp_path, flywheel(files))
    assert [name for name in before if before[name] != after[name]] == ["test"]


def test_new_train_rows_leave_test_as_it_was_and_none_of_them_reach_it(tmp_path: Path, files: dict[str, Any]) -> None:
    before, _ = prepare("mine", flywheel(files), tmp_path)
    again = before.splits["test"].slice(0, 3)  # would leak
    card = put(tmp_path, "train", pa.concat_tables([reviews(80, seed=2), again.select(reviews(1).column_names)]), 1)
    after, _ = prepare("mine", flywheel(files), tmp_path)
    assert after.splits["test"].equals(before.splits["test"])
    train, validation = after.splits["train"], after.splits["validation"]
    assert not texts(again) & (texts(train) | texts(validation))
    assert set(train["dataset"].to_pylist()) == {"source", card.name}
    assert after.report["ingested"] == {"train": 83}


def test_without_a_lake_there_is_no_rider(tmp_path: Path, files: dict[str, Any]) -> None:
    done, _ = prepare("mine", flywheel(files), tmp_path)
    assert all("dataset" not in table.column_names for table in done.splits.values())


def test_lake_only_test_is_cut_from_the_first_train_dataset_for_ever(tmp_path: Path) -> None:
    first = put(tmp_path, "train", reviews(100, seed=1), 1)
    before, _ = prepare("mine", flywheel(INGESTED), tmp_path)
    assert set(before.splits["test"]["dataset"].to_pylist()) == {first.name}
    put(tmp_path, "train", reviews(100, seed=2), 2)
    fresh = put(tmp_path, "test", reviews(20, seed=3), 3)
    after, _ = prepare("mine", flywheel(INGESTED), tmp_path)
    assert texts(after.splits["test"]) == texts(before.splits["test"]) | texts(catalogue.rows(fresh, tmp_path))


def test_lake_only_a_test_dataset_that_came_first_is_the_whole_test_set(tmp_path: Path) -> None:
    given = put(tmp_path, "test", reviews(20, seed=3), 1)
    put(tmp_path, "train", reviews(100, seed=1), 2)
    done, _ = prepare("mine", flywheel(INGESTED), tmp_path)
    assert texts(done.splits["test"]) == texts(catalogue.rows(given, tmp_path))
    assert len(done.splits["train"]) + len(done.splits["validation"]) == 100


def test_an_empty_lake_of_a_flywheel_without_source_says_ingest(tmp_path: Path) -> None:
    put(tmp_path, "test", reviews(20, seed=3), 1)
    with pytest.raises(VolantError, match="volant ingest mine FILE --split train"):
        gather("mine", {}, tmp_path)


def test_ids_stay_unique_and_columns_of_two_types_become_text() -> None:
    one = pa.table({"id": ["a"], "text": ["x"], "label": ["l"], "n": [4], "dataset": ["d1"]})
    two = pa.table({"id": ["a"], "text": ["y"], "label": ["l"], "n": ["many"], "dataset": ["d2"]})
    three = pa.table({"id": ["b"], "text": ["z"], "label": ["l"], "dataset": ["d2"]})
    table = join([one, two, three])
    assert table["id"].to_pylist() == ["a", "a-d2", "b"]
    assert table["n"].to_pylist() == ["4", "many", None]
