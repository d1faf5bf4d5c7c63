"""Templates of a package become sentences whose slots stand where they say, the same ones again."""

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from volant.errors import VolantError
from volant.sources.expansion import Expansion
from volant.sources.mapping import Columns
from volant.sources.templates import Templates, list_values

TREE = {
    "intents": {
        "TurnOn": {"data": [{"sentences": ["<turn> on [the] {area} (light|lamp)[s]", "illuminate {area}"]}]},
        "SetTimer": {
            "data": [{"sentences": ["timer for {minutes:length} minutes", "(now;please) wait {0..9:length}"]}]
        },
    },
    "lists": {"area": {"wildcard": True}, "minutes": {"range": {"from": 1, "to": 30}}},
    "expansion_rules": {"turn": "(turn|switch)"},
}
AREAS = ["kitchen", "living room", "bed[room]"]


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel with the templates of one language, in a folder that pip finds."""
    path = tmp_path / "index" / "house-1.0-py3-none-any.whl"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("house/en.json", json.dumps(TREE))
        archive.writestr("house-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: house\nVersion: 1.0\n")
        wheel_file = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr("house-1.0.dist-info/WHEEL", wheel_file)
        archive.writestr("house-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_FIND_LINKS", str(path.parent))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("VOLANT_CACHE", str(tmp_path / "cache"))
    return path


def templates(wheel: Path, **changes: object) -> Templates:
    own = {"members": {"en": "house/en.json"}, "values": {"en": {"area": AREAS}}, "per_template": 20}
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    columns = Columns(keep=["template", "language"])
    return Templates("house", "1.0", digest, columns=columns, **{**own, **changes})  # type: ignore[arg-type]


def test_slots_stand_where_they_say_and_the_rows_are_the_same_again(wheel: Path) -> None:
    rows = templates(wheel).read("understand")["train"]
    assert rows.equals(templates(wheel).read("understand")["train"])
    assert not rows.equals(templates(wheel, seed=1).read("understand")["train"])
    places = {"kitchen", "living room", "bed", "bedroom"}
    for row in rows.to_pylist():
        for span in row["spans"]:
            value = row["text"][span["start"] : span["end"]]
            assert value in places if span["label"] == "area" else value.isdecimal()
        assert row["text"] == " ".join(row["text"].split())
        assert row["language"] == "en"
    assert set(rows["label"].to_pylist()) == {"TurnOn", "SetTimer"}
    assert len(set(rows["template"].to_pylist())) == 4
    texts = set(rows["text"].to_pylist())
    assert {"illuminate living room", "illuminate bedroom"} <= texts
    assert any(text.startswith("please now wait ") for text in texts)
    assert len(texts) == len(rows)


def test_a_list_without_values_is_named(wheel: Path) -> None:
    with pytest.raises(VolantError, match=r"TurnOn needs the list \{area\}.*Give its values under source.values"):
        templates(wheel, values={}).read("understand")


def test_a_file_that_the_wheel_lacks_is_named(wheel: Path) -> None:
    with pytest.raises(
        VolantError, match=r"house/de.json: no such file in the wheel.*Did you mean 'house/en.json'.*house/en.json"
    ):
        templates(wheel, members={"de": "house/de.json"}).read("understand")


def test_rules_without_an_end_are_refused() -> None:
    with pytest.raises(LookupError, match="rule <a> without itself"):
        Expansion({"a": "very <a>"}, {}).sentences("<a>", 1, "seed")


@pytest.mark.parametrize(
    ("own", "values"),
    [
        ({"wildcard": True}, []),
        ({"range": {"from": 0, "to": 10, "step": 5}}, ["0", "5", "10"]),
        ({"values": ["on", {"in": "(off|out)", "out": "off"}]}, ["on", "(off|out)"]),
    ],
)
def test_values_of_a_list(own: dict, values: list[str]) -> None:
    assert list_values(own) == values
