from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from volant.errors import VolantError
from volant.sources.hub import Hub, Splits
from volant.sources.mapping import Columns


@pytest.fixture
def published(tmp_path: Path) -> str:
    """A dataset as the hub has it, class labels as numbers, in a local folder that `datasets` loads."""
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["neg", "pos"]),
            "tags": datasets.List(datasets.ClassLabel(names=["joy", "fear", "anger"])),
        }
    )
    rows = {"text": ["a", "b", "c"], "label": [0, 1, 1], "tags": [[0, 2], [1], []]}
    folder = tmp_path / "published" / "tiny"
    folder.mkdir(parents=True)
    for split in ("train", "test"):
        datasets.Dataset.from_dict(rows, features=features).to_parquet(str(folder / f"{split}.parquet"))
    return str(folder)


@pytest.fixture(autouse=True)
def no_mirror(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("VOLANT_MIRROR", raising=False)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


def mirror(folder: Path, **splits: list[str]) -> None:
    folder.mkdir(parents=True)
    for name, labels in splits.items():
        pq.write_table(pa.table({"text": labels, "label": labels}), folder / f"{name}.parquet")


def test_class_numbers_become_names_and_missing_splits_are_left_out(published: str) -> None:
    tables = Hub(published).read("classify")
    assert list(tables) == ["train", "test"], "validation is not published, so prepare cuts it"
    assert tables["train"]["label"].to_pylist() == ["neg", "pos", "pos"]
    tables = Hub(published, columns=Columns(label="tags")).read("multilabel")
    assert tables["test"]["labels"].to_pylist() == [["joy", "anger"], ["fear"], []]


def test_class_names_can_be_mapped(published: str) -> None:
    mapping = Columns(label_map={"neg": "negative", "pos": "positive"})
    rows = Hub(published, splits=Splits(test=None), columns=mapping).read("classify")
    assert list(rows) == ["train"]
    assert rows["train"]["label"].to_pylist() == ["negative", "positive", "positive"]


def test_a_split_named_by_the_user_must_exist(published: str) -> None:
    with pytest.raises(VolantError, match=r"no split 'tset' \(splits.test\). Did you mean 'test'\? It has: "):
        Hub(published, splits=Splits(test="tset")).read("classify")
    with pytest.raises(VolantError, match=r"no split 'trian' \(splits.train\)"):
        Hub(published, splits=Splits(train="trian")).read("classify")


@pytest.mark.parametrize(
    ("folder", "field"),
    [("owner/tiny", None), ("tiny", None), ("otherwise", "otherwise")],
    ids=["path", "last", "field"],
)
def test_the_mirror_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, field: str | None
) -> None:
    mirror(tmp_path / "mirror" / folder, train=["x", "y"], validation=["x"])
    monkeypatch.setenv("VOLANT_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: pytest.fail("asked the hub"))
    tables = Hub("owner/tiny", mirror=field).read("classify")
    assert {split: table["label"].to_pylist() for split, table in tables.items()} == {
        "train": ["x", "y"],
        "validation": ["x"],
    }


def test_what_the_mirror_lacks_comes_from_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, published: str
) -> None:
    mirror(tmp_path / "mirror" / "another", train=["x"])
    monkeypatch.setenv("VOLANT_MIRROR", str(tmp_path / "mirror"))
    assert Hub(published).read("classify")["train"].num_rows == 3


def test_neither_hub_nor_mirror_says_how_to_set_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise ConnectionError("Couldn't reach the hub")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(
        VolantError, match=r"(?s)Couldn't reach the hub.*owner/tiny/train.parquet.*VOLANT_MIRROR=FOLDER"
    ):
        Hub("owner/tiny").read("classify")


def test_a_mirror_that_is_no_folder_is_a_typing_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VOLANT_MIRROR", str(tmp_path / "nowhere"))
    with pytest.raises(VolantError, match="nowhere is not a folder"):
        Hub("owner/tiny").read("classify")
