"""The dataset card on small hand-made rows."""

import re
from pathlib import Path

import pyarrow as pa
import pytest

from volant.datasets.describe.card import card, write_card
from volant.datasets.describe.survey import survey
from volant.datasets.describe.warnings import warnings
from volant.kinds import KINDS, Kind

CLASSIFY, MULTILABEL = KINDS["classify"], KINDS["multilabel"]
REPORT = {
    "published": ["test", "train"],
    "rows": {},
    "dropped": {"validation_near_duplicates": 0, "validation_group": 0, "train_near_duplicates": 41},
}


def rows(split: str, texts: list[str], labels: list, **riders: list) -> pa.Table:
    target = "labels" if isinstance(labels[0], list) else "label"
    ids = [f"{split}-{k:03d}" for k in range(len(texts))]
    return pa.table({"id": ids, "text": texts, target: labels, **riders})


def words(split: str, count: int) -> list[str]:
    return [f"{split} row {k} of several words" for k in range(count)]


@pytest.fixture
def reviews() -> dict[str, pa.Table]:
    """100 good and 8 bad rows, repeats and contradictions among them; `bad` is absent from validation."""
    texts = [*words("train", 104), "twice | [so](http://x.org)", "twice | [so](http://x.org)", "same", "same"]
    labels = ["good"] * 100 + ["bad"] * 5 + ["good", "bad", "bad"]
    films: list = ["Alien"] * 60 + ["Brazil"] * 47 + [None]
    return {
        "train": rows("train", texts, labels, film=films),
        "validation": rows("validation", words("validation", 3), ["good"] * 3, film=["Alien", "", "Cube"]),
        "test": rows("test", ["", " \n", *words("test", 3)], ["good"] * 4 + ["bad"], film=["Dune"] * 5),
    }


@pytest.fixture
def moods() -> dict[str, pa.Table]:
    labels = [["joy", "love"], ["love"], [], ["joy", "love", "fear"]]
    return {
        "train": rows("train", words("train", 4), labels),
        "validation": rows("validation", words("validation", 2), [["love"], ["joy"]]),
        "test": rows("test", ["same", "same"], [["love", "joy"], ["joy", "love"]]),
    }


def text_of(kind: Kind, splits: dict[str, pa.Table]) -> str:
    return card("reviews", "Film reviews", survey(kind, splits), REPORT)


def section(text: str, title: str) -> str:
    return text.split(f"## {title}\n")[1].split("\n## ", maxsplit=1)[0]


def test_rows_say_where_they_come_from_and_what_was_dropped(reviews: dict) -> None:
    text = text_of(CLASSIFY, reviews)
    assert text.startswith("# Data: reviews\n\nFilm reviews\n\n116 rows, 2 labels.")
    assert "| train | published; validation split from it | 108 | 41 | 0 |" in text
    assert "| validation | split from the published train | 3 | 0 | 0 |" in text
    assert "| test | published | 5 | 0 | 0 |" in text


def test_ingested_rows_are_told(reviews: dict) -> None:
    found = survey(CLASSIFY, reviews)
    assert "Ingested: 8 of train." in card("films", "made up", found, {**REPORT, "ingested": {"train": 8, "test": 0}})
    assert "Ingested" not in card("films", "made up", found, {**REPORT, "ingested": {"train": 0, "test": 0}})


def test_labels_are_sorted_by_train_rows_with_their_shares(reviews: dict) -> None:
    lines = section(text_of(CLASSIFY, reviews), "Labels").strip().splitlines()
    assert lines[2:] == [
        "| good | 101 (93.5%) | 3 (100.0%) | 4 (80.0%) |",
        "| bad | 7 (6.5%) | 0 (0.0%) | 1 (20.0%) |",
    ]


def test_labels_per_row_are_told_of_multilabel_only(reviews: dict, moods: dict) -> None:
    assert "| train | 1.50 | 3 | 1 | 2 |" in section(text_of(MULTILABEL, moods), "Labels")
    assert "labels per row" not in text_of(CLASSIFY, reviews)


def test_lengths_are_those_of_python(reviews: dict) -> None:
    splits = reviews | {"test": rows("test", ["", " a\u00a0b ", "é c d", "one two three four"], ["good"] * 4)}
    side = survey(CLASSIFY, splits).sides["test"]
    texts = splits["test"]["text"].to_pylist()
    assert side.words.tolist() == [len(text.split()) for text in texts]
    assert side.characters.tolist() == [len(text) for text in texts]
    assert "| test, characters | 0 | 5 | 18 | 18 |" in section(text_of(CLASSIFY, splits), "Lengths")


def test_repeats_and_contradictions_are_counted_and_one_is_shown(reviews: dict) -> None:
    text = section(text_of(CLASSIFY, reviews), "Duplicates")
    assert "| train | 2 | 1 |" in text
    assert "| test | 0 | 0 |" in text
    assert r"in train: “twice \| \[so\](http://x.org)” is labelled bad and good." in text


def test_the_order_of_labels_is_no_contradiction(moods: dict) -> None:
    side = survey(MULTILABEL, moods).sides["test"]
    assert (side.repeated, side.conflicts) == (1, 0)


def test_groups_count_values_the_largest_and_those_on_two_sides(reviews: dict) -> None:
    assert "| film | 4 | Alien (61 rows) | 1 |" in section(text_of(CLASSIFY, reviews), "Groups")


def test_columns_without_repeats_or_of_lists_are_no_groups(reviews: dict) -> None:
    bare = {name: table.drop_columns("film") for name, table in reviews.items()}
    splits = {
        name: table.append_column("key", pa.array([f"{name}{k}" for k in range(len(table))])).append_column(
            "tags", pa.array([["a"]] * len(table))
        )
        for name, table in bare.items()
    }
    assert "## Groups" not in text_of(CLASSIFY, splits)


def test_a_column_of_numbers_that_one_split_lacks_is_a_group(reviews: dict) -> None:
    stars = pa.array([k % 5 for k in range(108)])
    splits = reviews | {"train": reviews["train"].append_column("stars", stars)}
    assert "| stars | 5 | 0 (22 rows) | 0 |" in section(text_of(CLASSIFY, splits), "Groups")


def test_examples_are_the_first_by_id_whatever_the_order_of_rows(reviews: dict) -> None:
    turned = reviews | {"train": reviews["train"].take(list(range(107, -1, -1)))}
    found = survey(CLASSIFY, turned).examples
    assert found == survey(CLASSIFY, reviews).examples
    assert found["good"] == words("train", 3)
    assert [text[:5] for text in found["bad"]] == ["train", "train", "train"]


def test_examples_show_ten_labels_no_text_twice_and_escape_it() -> None:
    labels = [f"l{k:02d}" for k in range(12) for _ in range(4)]
    texts = ["![x](http://x.org/a.png) <b> *bold*\n| $1 " + "long " * 60] * 8 + words("train", 40)
    splits = {name: rows(name, texts, labels) for name in ("train", "test")}
    lines = section(text_of(CLASSIFY, splits), "Examples").strip().splitlines()[4:]
    assert len(lines) == 1 + 1 + 8 * 3
    assert lines[0].startswith(r"| l00 | !\[x\](http://x.org/a.png) &lt;b&gt; \*bold\* \| \$1 long")
    assert len(re.sub(r"\\|&lt;|&gt;", "", lines[0])) < 130


def test_warnings_name_imbalance_few_rows_absence_empty_texts_and_contradictions(reviews: dict) -> None:
    lines = warnings(survey(CLASSIFY, reviews))
    assert lines[0].startswith("Imbalance: good has 101 rows in train, bad 7 (14 : 1).")
    assert lines[1].startswith("Fewer than 50 rows in train for bad (7).")
    assert "tested on 1, so its recall may be off by 50 points" in lines[1]
    assert lines[2].startswith("Texts in train that occur more than once with different labels: 1.")
    assert lines[3] == "No row in validation for bad: its score on validation is undefined."
    assert lines[4].startswith("Empty texts in test: 2.")
    assert len(lines) == 5


def test_good_rows_give_no_warning() -> None:
    splits = {s: rows(s, words(s, 120), ["good", "bad"] * 60) for s in ("train", "validation", "test")}
    assert "## Warnings\n\nNone." in text_of(CLASSIFY, splits)


def test_rows_that_are_mostly_alike_are_told(reviews: dict) -> None:
    found = survey(CLASSIFY, reviews)
    largest = {"rows": 40, "of": 116, "near_duplicates": 0.8}
    told = card("films", "made up", found, {**REPORT, "alike": largest})
    assert r"40 of 116 rows with text are near-duplicates of each other" in section(told, "Warnings")
    few = card("films", "made up", found, {**REPORT, "alike": {**largest, "rows": 38}})
    assert "near-duplicates" not in section(few, "Warnings")


def test_a_label_only_in_test_is_told() -> None:
    splits = {s: rows(s, words(s, 120), ["good", "bad"] * 60) for s in ("train", "test")}
    splits["test"] = rows("test", ["new"], ["odd"])
    assert "No row in train for odd: it can't be learned." in warnings(survey(CLASSIFY, splits))


@pytest.mark.parametrize(("kind", "given"), [(CLASSIFY, "reviews"), (MULTILABEL, "moods")])
def test_the_same_rows_give_the_same_bytes(
    kind: Kind, given: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    splits = request.getfixturevalue(given)
    for folder in ("one", "two"):
        write_card("reviews", "Film reviews", kind, splits, REPORT, tmp_path / folder)
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["data.md", "data.png"]
    for name in ("data.md", "data.png"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert (tmp_path / "one" / "data.png").read_bytes().startswith(b"\x89PNG")


def test_the_plot_is_written_with_many_labels_in_scripts_without_spaces(tmp_path: Path) -> None:
    labels = [f"label {k} $" for k in range(60)]
    splits = {s: rows(s, ["word" * 20] * 60, labels) for s in ("train", "validation", "test")}
    write_card("many", "Many labels", CLASSIFY, splits, REPORT, tmp_path)
    assert (tmp_path / "data.png").stat().st_size > 10_000
