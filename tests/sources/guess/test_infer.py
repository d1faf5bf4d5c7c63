import json

import pyarrow as pa
import pytest

from volant.errors import VolantError
from volant.sources.guess.infer import Guess, infer

TEXTS = [f"the film number {i} was rather {'good' if i % 2 else 'bad'} I think" for i in range(40)]
CLASSES = ["good" if i % 2 else "bad" for i in range(40)]


def guess(columns: dict[str, list], **given: str) -> Guess:
    options = {"text": None, "label": None, "separator": None} | given
    return infer(pa.table(columns), where="a.csv", **options)  # type: ignore[arg-type]


def test_the_longest_column_is_the_text_and_the_one_that_recurs_the_label() -> None:
    assert guess({"x": TEXTS, "y": CLASSES}) == Guess("x", "y", "classify")


def test_names_decide_between_columns_that_could_both_be_meant() -> None:
    columns = {
        "summary": [t.upper() for t in TEXTS],
        "review": TEXTS,
        "stars": [i % 5 for i in range(40)],
        "sentiment": CLASSES,
    }
    assert guess(columns) == Guess("review", "sentiment", "classify")
    assert guess(columns, text="summary", label="stars") == Guess("summary", "stars", "classify")


def test_several_labels_in_a_cell_or_a_list_make_it_multilabel() -> None:
    cells = ["joy", "fear", "joy|fear", "anger"] * 10
    assert guess({"text": TEXTS, "emotions": cells}) == Guess("text", "emotions", "multilabel", "|")
    lists = [cell.split("|") for cell in cells]
    assert guess({"text": TEXTS, "emotions": lists}) == Guess("text", "emotions", "multilabel", None)
    odd = [cell.replace("|", "~") for cell in cells]
    assert guess({"text": TEXTS, "emotions": odd}).kind == "classify"
    assert guess({"text": TEXTS, "emotions": odd}, separator="~") == Guess("text", "emotions", "multilabel", "~")


def test_lists_written_as_text_make_it_multilabel() -> None:
    lists = [["joy"], ["fear"], ["joy", "fear"], []] * 10
    for cells in (list(map(str, lists)), list(map(json.dumps, lists))):
        assert guess({"text": TEXTS, "emotions": cells}) == Guess("text", "emotions", "multilabel", None)
        assert guess({"text": TEXTS, "emotions": [*cells[:30], *[""] * 10]}).kind == "multilabel"
    names = ["[1]", "joy", "fear", "anger"] * 10
    assert guess({"text": TEXTS, "emotions": names}).kind == "classify", "few of them are lists"


def test_a_comma_in_the_name_of_a_class_is_not_a_separator() -> None:
    names = ["Sports, outdoors", "Home, garden"] * 20
    assert guess({"text": TEXTS, "category": names}) == Guess("text", "category", "classify")


def test_columns_that_group_and_that_identify_rows() -> None:
    columns = {
        "row_id": list(range(40)),
        "movie_name": [f"m{i % 20}" for i in range(40)],
        "text": TEXTS,
        "label": CLASSES,
    }
    found = guess(columns)
    assert (found.group, found.id) == ("movie_name", "row_id")
    columns["movie_name"] = ["only one"] * 40
    assert guess(columns).group is None


def test_texts_without_spaces_are_texts() -> None:
    chinese = [f"这部电影第{i}集真的很好看" for i in range(40)]
    keys = [f"{i:032x}" for i in range(40)]
    assert guess({"key": keys, "content": chinese, "label": CLASSES}).text == "content"


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        (
            {"a": TEXTS, "b": TEXTS[::-1], "label": CLASSES},
            r"which column is the text\? Choose with --text: a \(\d+ char.*, b",
        ),
        (
            {"t": TEXTS, "a": CLASSES, "b": CLASSES},
            r"which column is the label\? .* --label: a \(2 values: bad, good\), b",
        ),
        ({"t": TEXTS, "n": list(range(40))}, r"no column looks like a label.*n \(40 values\)"),
        ({"t": TEXTS}, r"one of the label are required. Its columns: t \(string\)"),
    ],
)
def test_what_is_not_clear_is_asked(columns: dict[str, list], problem: str) -> None:
    with pytest.raises(VolantError, match=problem):
        guess(columns)


def test_pictures_and_records_are_neither_text_nor_label() -> None:
    columns = {"picture": [b"a picture is longer " * 9] * 40, "meta": [{"user": i % 3} for i in range(40)]}
    columns["boxes"] = [[{"x": i % 3}] for i in range(40)]
    assert guess(columns | {"text": TEXTS, "y": CLASSES}) == Guess("text", "y", "classify")


def test_a_file_without_rows_says_so() -> None:
    with pytest.raises(VolantError, match="no rows, only a header row: text, label"):
        guess({"text": [], "label": []})


def test_a_column_that_is_not_there() -> None:
    with pytest.raises(VolantError, match=r"no column 'txt'. Did you mean 'text'\?"):
        guess({"text": TEXTS, "label": CLASSES}, text="txt")
