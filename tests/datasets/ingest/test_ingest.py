"""Ingest: rows are checked one by one, and become one dataset or none."""

import json
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.lake import put, rows_csv, snapshot, written
from support.texts import reviews
from volant.datasets import catalogue
from volant.datasets.ingest.ingest import Options, ingest
from volant.datasets.overview import remove
from volant.errors import VolantError
from volant.workspace.files import write_table

GOOD = [("a lovely film about trains and rain", "fresh"), ("a dull film about boats and snow", "rotten")]


def test_a_file_becomes_a_dataset_with_a_card_under_dvc_and_git(project: Path) -> None:
    file = rows_csv(project / "rows/my rows.csv", GOOD)
    report = ingest("mine", [file], "train", root=project)
    card = catalogue.cards("mine", project)[0]
    assert (report.dataset, report.added, report.labels) == (card.name, 2, {"fresh": 1, "rotten": 1})
    assert card.name == f"my-rows-{card.sha256[:8]}"
    assert (card.origin, card.format, card.rows, card.split, card.unused) == (file, "CSV", 2, "train", None)
    assert catalogue.rows(card, project)["text"].to_pylist() == [text for text, _ in GOOD]
    status = ["git", "status", "--short", "--untracked-files=all"]
    seen = subprocess.run(status, cwd=project, capture_output=True, text=True, check=True).stdout
    assert f"data/mine/lake/train/{card.name}.json" in seen
    assert f"data/mine/lake/train/{card.name}.parquet.dvc" in seen
    assert ".parquet\n" not in seen
    assert "A " not in seen, "nothing is staged"


def test_the_same_rows_again_change_nothing(project: Path) -> None:
    file = rows_csv(project / "rows/a.csv", [*GOOD, GOOD[0]])
    assert ingest("mine", [file], "train", root=project).known == 1, "the repeated row"
    before = snapshot(project)
    again = ingest("mine", [file], "train", Options(name="other"), project)
    assert (again.dataset, again.added, again.known) == (None, 0, 3)
    assert snapshot(project) == before
    more = rows_csv(project / "rows/b.csv", [*GOOD, ("a fine film on something else", "fresh")])
    assert (ingest("mine", [more], "train", root=project).added, len(catalogue.cards("mine", project))) == (1, 2)


def test_rows_that_the_source_gave_are_known_and_those_in_test_leak(project: Path) -> None:
    table = reviews(40)
    for split, rows in {
        "train": table.slice(0, 20),
        "validation": table.slice(20, 10),
        "test": table.slice(30),
    }.items():
        write_table(rows, project / f"data/mine/prepared/{split}.parquet")
    known = written(project / "rows/known.csv", table.slice(0, 30))
    assert ingest("mine", [known], "train", root=project).known == 30
    with pytest.raises(VolantError, match=r"leakage: 10\n.*leak.csv, line 2: leakage: same text, in TEST"):
        ingest("mine", [written(project / "rows/leak.csv", table.slice(30))], "train", root=project)
    with pytest.raises(VolantError, match=r"leakage: 30\n.*in TRAIN"):
        ingest("mine", [known], "test", root=project)


def test_near_duplicates_and_groups_of_the_other_side_leak(project: Path) -> None:
    put(project, "test", reviews(20), 1)
    text, label = reviews(20)["text"][3].as_py(), reviews(20)["label"][3].as_py()
    near = rows_csv(project / "rows/near.csv", [*GOOD, (text.upper() + " !!", label)])
    with pytest.raises(VolantError, match=r"near.csv, line 4: leakage: nearly"):
        ingest("mine", [near], "train", root=project)
    params = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(params.replace("group: null", "group: movie"))
    rows = [(text, label, movie) for (text, label), movie in zip(GOOD, ("m3", "m99"), strict=True)]
    kin = rows_csv(project / "rows/kin.csv", rows, ("text", "label", "movie"))
    with pytest.raises(VolantError, match=r"1 bad rows.*\n.*\n.*line 2: leakage: same movie 'm3'"):
        ingest("mine", [kin], "train", root=project)
    report = ingest("mine", [kin], "train", Options(skip_bad=True), project)
    assert (report.added, catalogue.cards("mine", project)[-1].rows) == (1, 1)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((" ", "fresh"), "line 4: empty text"),
        (("some text here", ""), "line 4: no label"),
        (("some text here", "frehs"), r"line 4: unknown label: 'frehs'. Did you mean 'fresh'\?(.|\n)*--new-labels"),
        (("fresh", "some text here"), "line 4: label and text swapped: 'fresh' is a label"),
        (("caf\ufffd is a film", "fresh"), "line 4: wrong encoding"),
        (("long " * 25_000, "fresh"), "line 4: too long: 125,000 characters"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line_and_refuses_the_file(
    project: Path, row: tuple[str, str], message: str
) -> None:
    file = rows_csv(project / "rows/a.csv", [*GOOD, row])
    before = snapshot(project)
    with pytest.raises(VolantError, match=rf"1 bad rows, 0 allowed(.|\n)*a.csv, {message}"):
        ingest("mine", [file], "train", root=project)
    assert snapshot(project) == before


def test_max_bad_leaves_bad_rows_out_but_no_unknown_label(project: Path) -> None:
    bad = rows_csv(project / "rows/a.csv", [*GOOD, ("", "fresh")])
    assert ingest("mine", [bad], "train", Options(max_bad=1), project).bad == {"empty text": 1}
    unknown = rows_csv(project / "rows/b.csv", [("another film", "so-so")])
    with pytest.raises(VolantError, match="never dropped silently"):
        ingest("mine", [unknown], "train", Options(max_bad=5), project)


def test_skip_bad_writes_the_rejected_rows_which_come_back_once_mended(project: Path) -> None:
    file = rows_csv(project / "rows/a.csv", [*GOOD, ("one more film", "frehs")])
    report = ingest("mine", [file], "train", Options(skip_bad=True), project)
    assert (report.added, report.rejected) == (2, [f"{file}.rejected.jsonl"])
    rejected = Path(report.rejected[0])
    assert json.loads(rejected.read_text())["reason"].startswith("unknown label: 'frehs'")
    rejected.write_text(rejected.read_text().replace('"frehs"', '"fresh"'))
    assert ingest("mine", [str(rejected)], "train", root=project).added == 1


def test_rejected_rows_of_files_of_one_name_are_all_kept(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of s3://a/rows.csv and s3://b/rows.csv: nothing can be written beside them, so all go to where we are."""
    monkeypatch.chdir(project)
    files = []
    for folder, text in (("a", "one more film"), ("b", "another film")):
        (project / "rows" / folder).mkdir()
        files.append(rows_csv(project / f"rows/{folder}/rows.csv", [*GOOD, (text, "frehs")]))
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere
    found = ingest("mine", files, "train", Options(skip_bad=True)).rejected
    assert found == ["rows.csv.rejected.jsonl", "rows.csv.rejected-2.jsonl"]
    texts = [json.loads((project / name).read_text())["text"] for name in found]
    assert texts == ["one more film", "another film"]
    (project / found[0]).write_text("mended by hand")
    again = ingest("mine", files[:1], "train", Options(skip_bad=True)).rejected
    assert again == ["rows.csv.rejected-3.jsonl"]
    assert (project / found[0]).read_text() == "mended by hand"


def test_rejected_rows_of_a_folder_that_only_can_be_read_are_written_here(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    file = project / "rows/a.parquet"
    pq.write_table(pa.table({"text": ["a film", ""], "label": ["fresh", "fresh"]}), file)
    with pytest.raises(VolantError, match=r"a\.parquet, row 2: empty text"):
        ingest("mine", [str(file)], "train")
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere
    assert ingest("mine", [str(file)], "train", Options(skip_bad=True)).rejected == ["a.parquet.rejected.jsonl"]
    assert (project / "a.parquet.rejected.jsonl").exists()


def test_new_labels_are_accepted_and_written_to_the_conf(project: Path) -> None:
    file = rows_csv(project / "rows/a.csv", [*GOOD, ("a film like others", "so-so"), ("what a film", "no")])
    report = ingest("mine", [file], "train", Options(new_labels=True), project)
    assert (report.added, report.new_labels) == (4, ["no", "so-so"])
    conf = (project / "conf/flywheel/mine.yaml").read_text()
    assert 'labels: [fresh, rotten, "no", so-so]' in conf
    assert "# the two" in conf
    assert "# or another" in conf
    assert ingest("mine", [rows_csv(project / "rows/b.csv", [("x y z", "no")])], "train", root=project).added == 1


def test_a_dry_run_only_reports(project: Path) -> None:
    before = snapshot(project)
    good = ingest("mine", [rows_csv(project / "rows/a.csv", GOOD)], "train", Options(dry_run=True), project)
    assert (good.added, good.dataset, good.refused) == (2, None, None)
    bad = ingest("mine", [rows_csv(project / "rows/b.csv", [("", "fresh")])], "train", Options(dry_run=True), project)
    assert bad.refused
    assert snapshot(project) == before


def test_several_files_are_one_dataset_or_none(project: Path) -> None:
    one, two = rows_csv(project / "rows/a.csv", GOOD), rows_csv(project / "rows/b.csv", [*GOOD, ("", "fresh")])
    with pytest.raises(VolantError, match=r"b\.csv, line 4"):
        ingest("mine", [one, two], "train", root=project)
    assert catalogue.cards("mine", project) == []
    report = ingest("mine", [one, two], "train", Options(max_bad=1), project)
    assert (report.rows, report.added, report.known) == (5, 2, 2)


def test_a_removed_dataset_stays_in_the_list_and_its_rows_are_unknown_again(project: Path) -> None:
    file = rows_csv(project / "rows/a.csv", GOOD)
    name = ingest("mine", [file], "train", root=project).dataset or ""
    with pytest.raises(VolantError, match="Did you mean"):
        remove("mine", name + "x", "why", project)
    assert remove("mine", name, "another project's", project).unused == "another project's"
    assert catalogue.tables("mine", "train", project) == []
    with pytest.raises(VolantError, match="marked unused: another project's"):
        ingest("mine", [file], "train", root=project)
    assert ingest("mine", [file], "train", Options(name="again"), project).added == 2


def test_columns_ride_along(project: Path) -> None:
    file = rows_csv(project / "rows/a.csv", [(*row, "5") for row in GOOD], ("text", "label", "dataset"))
    ingest("mine", [file], "train", root=project)
    path = catalogue.rows_path(catalogue.cards("mine", project)[0], project)
    assert pq.read_schema(path).names == ["id", "text", "label", "source_dataset"]


@pytest.mark.parametrize("name", ["../x", "-x", "a/b", ""])
def test_a_name_that_could_leave_the_lake_is_refused(project: Path, name: str) -> None:
    file = rows_csv(project / "rows/a.csv", GOOD)
    if name:
        with pytest.raises(VolantError, match="can't name a dataset"):
            ingest("mine", [file], "train", Options(name=name), project)
    else:
        with pytest.raises(VolantError, match="No live flywheel"):
            ingest("../mine", [file], "train", root=project)


def test_train_rows_taken_out_of_use_are_reported_when_they_come_back_as_test(project: Path) -> None:
    """Versions have learned from them: they were taken as TEST without a word."""
    first = written(project / "rows/first.csv", reviews(40))
    name = ingest("mine", [first], "train", root=project).dataset
    assert name
    remove("mine", name, "wrong", project)
    report = ingest("mine", [written(project / "rows/again.csv", reviews(50))], "test", Options(dry_run=True), project)
    assert any("40 of these TEST rows are in TRAIN datasets that are marked unused" in line for line in report.warnings)
    other = ingest("mine", [written(project / "rows/other.csv", reviews(30, seed=9))], "test", root=project)
    assert not any("marked unused" in line for line in other.warnings)
