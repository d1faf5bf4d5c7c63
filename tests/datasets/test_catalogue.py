"""A dataset is there if its card is; its rows are the very bytes that were ingested."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from support.lake import put
from support.texts import reviews
from volant.datasets import catalogue
from volant.errors import VolantError


def test_cards_of_both_sides_the_oldest_first(tmp_path: Path) -> None:
    second, first = put(tmp_path, "train", reviews(5, 1), 2), put(tmp_path, "test", reviews(5, 2), 1)
    assert catalogue.cards("mine", tmp_path) == [first, second]
    assert catalogue.cards("other", tmp_path) == []


def test_rows_without_a_card_are_no_dataset(tmp_path: Path) -> None:
    card = put(tmp_path, "train", reviews(5), 1)
    (catalogue.home("mine", "train", tmp_path) / f"{card.name}.json").unlink()
    assert catalogue.tables("mine", "train", tmp_path) == []


def test_an_unused_dataset_is_listed_but_not_read(tmp_path: Path) -> None:
    card = replace(put(tmp_path, "train", reviews(5), 1), unused="wrong labels")
    catalogue.write(card, tmp_path)
    assert catalogue.cards("mine", tmp_path) == [card]
    assert catalogue.tables("mine", "train", tmp_path) == []


def test_missing_rows_say_dvc_pull_and_changed_rows_are_refused(tmp_path: Path) -> None:
    card = put(tmp_path, "test", reviews(5), 1)
    path = catalogue.rows_path(card, tmp_path)
    content = path.read_bytes()
    path.write_bytes(content + b"x")
    with pytest.raises(VolantError, match=r"changed after.*dvc checkout"):
        catalogue.tables("mine", "test", tmp_path)
    path.unlink()
    with pytest.raises(VolantError, match="dvc pull"):
        catalogue.tables("mine", "test", tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"rows": "5"}, r"broken card \(rows"), ({"more": 1}, r"broken card \(more"), ({"flywheel": "x"}, "card of x/")],
)
def test_a_broken_card_is_named(tmp_path: Path, change: dict, message: str) -> None:
    card = put(tmp_path, "test", reviews(5), 1)
    path = catalogue.home("mine", "test", tmp_path) / f"{card.name}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(VolantError, match=message):
        catalogue.cards("mine", tmp_path)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "-f", "a b"])
def test_what_could_leave_the_lake_names_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(VolantError, match="can't name"):
        catalogue.home(name, "train", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_git_s_but_for_the_rows(tmp_path: Path) -> None:
    assert (catalogue.home("mine", "test", tmp_path) / ".gitignore").read_text() == "/*.parquet\n"
    with pytest.raises(VolantError, match=r"Allowed: train, test"):
        catalogue.home("mine", "tests", tmp_path)
