import json
import re
import shutil
import time
from dataclasses import asdict
from io import StringIO
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from support.projects import ROOT
from volant import config
from volant.config import edit
from volant.config.listing import flywheels, show_flywheels
from volant.config.model_choice import model_tree
from volant.errors import VolantError
from volant.flywheel.new import conf as writing
from volant.flywheel.new.create import new
from volant.flywheel.new.family import model_for
from volant.flywheel.new.report import Report, show_report
from volant.sources.files import Files
from volant.sources.formats import Format
from volant.sources.formats.options import Options
from volant.workspace.terminal import Console

CONFIG = """\
# one line for each live flywheel
defaults:
  - flywheel@flywheels.reviews: reviews  # the default
  - _self_

seed: 42  # shared
"""
REVIEWS = """\
defaults:
  - /source@source: package
  - /model@model: transformer
  - _self_
kind: classify
description: Fresh or rotten
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project" / "conf" / "flywheel"
    folder.mkdir(parents=True)
    (folder / "reviews.yaml").write_text(REVIEWS)
    (folder / "imdb.yaml").write_text(REVIEWS.replace("package", "hub").replace("transformer", "linear"))
    (folder.parent / "config.yaml").write_text(CONFIG)
    return folder.parent.parent


def csv(path: Path, rows: list[tuple[str, str]], delimiter: str = ",", encoding: str = "utf-8") -> str:
    lines = [f"text{delimiter}label", *(f"{text}{delimiter}{label}" for text, label in rows)]
    path.write_bytes("\n".join([*lines, ""]).encode(encoding))
    return str(path)


def rows(good: int, bad: int) -> list[tuple[str, str]]:
    return [(f"this was number {i} and fine", "good") for i in range(good)] + [
        (f"that was number {i} and poor", "bad") for i in range(bad)
    ]


def snapshot(project: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in project.rglob("*") if path.is_file()}


def source_of(project: Path, name: str) -> dict:
    return yaml.safe_load((project / "conf" / "flywheel" / f"{name}.yaml").read_text())["source"]


def test_a_new_flywheel_is_written_live_and_reported(project: Path) -> None:
    report = new("mine", csv(project / "data.csv", rows(30, 20), ";"), root=project)
    assert (report.columns.kind, report.counts) == ("classify", {"good": 30, "bad": 20})
    tree = yaml.safe_load((project / "conf" / "flywheel" / "mine.yaml").read_text())
    assert tree["defaults"] == [{"/source@source": "files"}, {"/model@model": "auto"}, "_self_"]
    assert tree["source"] == {
        "train": "data.csv",
        "delimiter": ";",
        "columns": {"text": "text", "label": "label"},
    }
    assert (tree["kind"], tree["metric"], tree["labels"]) == ("classify", "macro_f1", ["bad", "good"])
    assert tree["cleaning"] == ["unicode", "control", "whitespace", "drop_empty", "drop_duplicates", "drop_leaks"]
    config = (project / "conf" / "config.yaml").read_text()
    line = "  - flywheel@flywheels.mine: mine\n"
    assert config == CONFIG.replace("  - _self_", line + "  - _self_"), "comments stay, the line is before _self_"
    assert json.loads(json.dumps(asdict(report)))["counts"] == {"good": 30, "bad": 20}


def test_many_rows_get_the_transformer_and_of_few_cross_validation_chooses(project: Path) -> None:
    few = new("few", csv(project / "few.csv", rows(499, 500)), root=project)
    assert few.model == "auto"
    shown = StringIO()
    show_report(few, Console(file=shown, width=300))
    assert "`auto` cross-validates" in shown.getvalue()
    assert {"/model@model": "auto"} in yaml.safe_load((project / "conf/flywheel/few.yaml").read_text())["defaults"]
    many = new("many", csv(project / "many.csv", rows(500, 500)), root=project)
    assert many.model == "transformer"


def test_a_test_file_is_named_and_watched(project: Path) -> None:
    data, test = csv(project / "a.csv", rows(20, 20)), csv(project / "b.tsv", rows(1, 1), "\t")
    report = new("mine", data, test=test, root=project)
    source = source_of(project, "mine")
    assert (source["test"], source["watch"]) == ("b.tsv", {"test": "${..test}"})
    assert "delimiter" not in source, "the two files differ in it"
    assert report.test_rows == 2
    assert "Leakage: 2 of 2 test texts" in " ".join(report.warnings)


def test_a_file_outside_the_project_keeps_its_full_path(project: Path, tmp_path: Path) -> None:
    data = csv(tmp_path / "outside.csv", rows(20, 20))
    new("mine", data, root=project)
    assert source_of(project, "mine")["train"] == str((tmp_path / "outside.csv").resolve())


@pytest.mark.parametrize(
    ("data", "warnings"),
    [
        (rows(60, 60), []),
        (
            rows(60, 8),
            ["Few rows: 'bad' \\(8\\).* off by up to 26 points", "Imbalance: 'good' has 60 rows \\(88%\\)"],
        ),
        (
            [*rows(500, 500), *((f"this was {i} fine and poor", "good; bad") for i in range(50))],
            ["Several labels: 'good; bad' \\(50\\) looks like several labels.*--separator ';'", "Imbalance"],
        ),
        ([*rows(60, 60), ("This  was number 1 and FINE", "good")], ["Duplicates: 1 of 121 rows"]),
        ([*rows(60, 60), ("this was number 1 and fine", "bad")], ["Contradiction: 1 texts", "Duplicates: 1"]),
    ],
    ids=["clean", "few", "composed", "duplicate", "contradiction"],
)
def test_what_to_know_before_training_is_said(project: Path, data: list, warnings: list[str]) -> None:
    found = new("mine", csv(project / "a.csv", data), root=project).warnings
    assert len(found) == len(warnings), found
    for warning in warnings:
        assert any(re.search(warning, line) for line in found), found


def test_a_western_file_is_recognised_and_said(project: Path) -> None:
    data = [(f"ce café numéro {i} était très bon", "bon") for i in range(20)]
    data += [(f"l’hôtel {i} était mauvais, vraiment", "mauvais") for i in range(20)]
    path = csv(project / "a.csv", data, ";", encoding="cp1252")
    report = new("cafes", path, root=project)
    assert source_of(project, "cafes")["encoding"] == "cp1252"
    assert "read as cp1252 ('café')" in report.warnings[0]


def test_utf8_with_a_broken_byte_is_not_taken_for_western(project: Path) -> None:
    path = csv(project / "a.csv", [(f"café {i} à la carte", "good" if i % 2 else "bad") for i in range(40)])
    with Path(path).open("ab") as file:
        file.write(b"caf\xe9 again,good\n")
    with pytest.raises(VolantError, match="line 42: byte 0xe9"):
        new("cafes", path, root=project)


@pytest.mark.parametrize("encoding", ["shift_jis", "cp1251", "gb18030"])
def test_another_script_is_asked_for_and_read_when_named(project: Path, encoding: str) -> None:
    text = {
        "shift_jis": "この映画はとても面白い",
        "cp1251": "этот фильм очень хорош",
        "gb18030": "这部电影真的很好看",
    }[encoding]
    data = [(f"{text} {i}", "good" if i % 2 else "bad") for i in range(40)]
    path = csv(project / "a.csv", data, encoding=encoding)
    before = snapshot(project)
    with pytest.raises(VolantError, match="Name the encoding of the export"):
        new("films", path, root=project)
    assert snapshot(project) == before
    new("films", path, root=project, form=Format(encoding=encoding))
    assert source_of(project, "films")["encoding"] == encoding


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("Mine", rows(20, 20), "can't name a flywheel"),
        ("../up", rows(20, 20), "can't name a flywheel"),
        ("reviews", rows(20, 20), "The flywheel 'reviews' exists.*--force"),
        ("imdb", rows(20, 20), "The flywheel 'imdb' exists"),
        ("mine", rows(20, 7), r"too few different texts for 'bad' \(7\); a label needs 8"),
        (
            "mine",
            [*rows(20, 20), *[("Where is  it", "ask"), ("where is it", "ask")] * 8],
            r"too few different texts for 'ask' \(1\)",
        ),
        (
            "mine",
            [*rows(60, 60), *((f"this was number {i} and mixed", "good|bad") for i in range(5))],
            r"'good\|bad' \(5\); .*--separator '\|'",
        ),
        ("mine", rows(20, 0), "no column looks like a label"),
        ("mine", [], "no rows, only a header row: text, label"),
    ],
)
def test_what_cannot_be_done_leaves_everything_as_it_was(project: Path, name: str, data: list, problem: str) -> None:
    path = csv(project / "a.csv", data)
    before = snapshot(project)
    with pytest.raises(VolantError, match=problem):
        new(name, path, root=project)
    assert snapshot(project) == before


def test_labels_that_only_the_test_file_has_are_refused(project: Path) -> None:
    data, test = (
        csv(project / "a.csv", rows(20, 20)),
        csv(project / "b.csv", [("what a bore this was", "baad")]),
    )
    with pytest.raises(VolantError, match="labels that the data file lacks: baad"):
        new("mine", data, test=test, root=project)


@pytest.mark.parametrize("name", ["yes", "no", "true", "false", "on", "off", "null"])
def test_a_name_that_yaml_takes_for_something_else_is_refused(project: Path, name: str) -> None:
    data = csv(project / "a.csv", rows(20, 20))
    before = snapshot(project)
    with pytest.raises(VolantError, match=f"'{name}' can't name a flywheel: YAML reads it as"):
        new(name, data, root=project)
    assert snapshot(project) == before


@pytest.mark.parametrize("force", [False, True])
def test_what_fails_afterwards_undoes_both_files(project: Path, force: bool) -> None:
    data = csv(project / "a.csv", rows(20, 20))
    if force:
        new("mine", data, root=project)
        data = csv(project / "b.csv", rows(20, 30))
    before = snapshot(project)

    def fail() -> None:
        assert snapshot(project) != before
        raise VolantError("conf can't be composed")

    with pytest.raises(VolantError, match="can't be composed"):
        new("mine", data, root=project, force=force, then=fail)
    assert snapshot(project) == before


def test_a_file_without_names_of_columns_loses_no_row(project: Path) -> None:
    path = csv(project / "a.csv", rows(20, 20))
    Path(path).write_text(Path(path).read_text().partition("\n")[2])
    before = snapshot(project)
    with pytest.raises(
        VolantError, match=r"header row missing\? Column name 'good' .*--header text,label.*--label 'good'"
    ):
        new("mine", path, root=project)
    with pytest.raises(VolantError, match="Column name 'this was number 0 and fine' looks like a text"):
        new("mine", path, label="good", root=project)
    assert snapshot(project) == before
    assert new("mine", path, root=project, form=Options(quote='"', header="text, label").form()).rows == 40
    assert source_of(project, "mine")["header"] == ["text", "label"]


@pytest.mark.parametrize("names", ["0,1", "What did you like best about us?,label"])
def test_names_that_only_look_odd_are_names(project: Path, names: str) -> None:
    data = [(text, "1" if label == "good" else "0") for text, label in rows(20, 20)]
    path = Path(csv(project / "a.csv", data))
    path.write_text(path.read_text().replace("text,label", names))
    assert new("mine", str(path), root=project).rows == 40


def test_delimiter_and_quotes_as_given_are_written_down(project: Path) -> None:
    path = Path(csv(project / "a.csv", [(f'"so" {text}, said, he', label) for text, label in rows(20, 20)], "~"))
    with pytest.raises(VolantError, match=r"quote: null.*--quote none"):
        new("mine", str(path), root=project, form=Options(delimiter="~", quote='"').form())
    new("mine", str(path), root=project, form=Options(delimiter="~", quote="none").form())
    source = source_of(project, "mine")
    assert (source["delimiter"], source["quote"]) == ("~", None)
    assert Files(str(path), delimiter="~", quote=None).read("classify")["train"].num_rows == 40
    with pytest.raises(VolantError, match=r"--quote 'qq' is too long. Allowed: one character, or `none`"):
        Options(quote="qq").form()


def test_rows_without_a_label_are_counted_and_left_out(project: Path) -> None:
    path = csv(project / "a.csv", [*rows(60, 60), ("what is this", ""), ("and that", " ")])
    report = new("mine", path, root=project)
    assert (report.rows, report.counts) == (120, {"bad": 60, "good": 60})
    assert [line for line in report.warnings if "2 of 122 rows" in line and "excluded" in line]
    assert source_of(project, "mine")["columns"]["drop_labels"] == [""]


def test_force_writes_over_and_adds_no_second_line(project: Path) -> None:
    data = csv(project / "a.csv", rows(20, 20))
    new("mine", data, root=project)
    config = (project / "conf" / "config.yaml").read_text()
    data = csv(project / "a.csv", rows(21, 20))
    assert new("mine", data, root=project, force=True).rows == 41
    assert (project / "conf" / "config.yaml").read_text() == config


def test_a_failure_between_the_two_files_undoes_the_first(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = csv(project / "a.csv", rows(20, 20))
    before = snapshot(project)
    real = edit.write_text

    def full_disk(text: str, path: Path) -> None:
        if path.name == "config.yaml":
            raise OSError(28, "No space left on device")
        real(text, path)

    monkeypatch.setattr(edit, "write_text", full_disk)
    with pytest.raises(OSError, match="No space left"):
        new("mine", data, root=project)
    assert snapshot(project) == before


@pytest.mark.parametrize(
    "label", ["yes", "5", "a: b", "#1", "${seed}", "\\${x}", "naïve 好", "- x", 'say "hi"', "null", "1e3"]
)
def test_any_label_survives_yaml_and_interpolation(label: str) -> None:
    line = f"labels: {writing._flow([label])}\nseed: 1\n"
    assert OmegaConf.to_container(OmegaConf.create(line), resolve=True) == {"labels": [label], "seed": 1}


def test_the_listing_tells_live_from_available_and_is_quick(project: Path) -> None:
    begun = time.perf_counter()
    listed = flywheels(project)
    assert time.perf_counter() - begun < 0.2
    assert [(one.name, one.live, one.model, one.source) for one in listed] == [
        ("reviews", True, "transformer", "package"),
        ("imdb", False, "linear", "hub"),
    ]
    assert listed[0].description == "Fresh or rotten"


def test_a_folder_that_is_no_project_and_broken_yaml(project: Path, tmp_path: Path) -> None:
    with pytest.raises(VolantError, match="Run volant in the project's root"):
        flywheels(tmp_path)
    (project / "conf" / "flywheel" / "broken.yaml").write_text("a: [1\nb: 2\n")
    with pytest.raises(VolantError, match=r"broken.yaml is not valid YAML.*line 2"):
        flywheels(project)


def test_both_are_shown_as_text(project: Path) -> None:
    console = Console(record=True, width=120)
    data = [*rows(60, 8), *((f"no idea what {i} is", "[/b]") for i in range(60))]
    report: Report = new("mine", csv(project / "a.csv", data), root=project)
    show_report(report, console)
    show_flywheels(flywheels(project), console)
    shown = console.export_text()
    assert "good   60    46.9%" in shown
    assert "[/b]   60" in shown, "a label is never taken for markup"
    assert "! Few rows: 'bad' (8)" in shown
    assert "make run FLYWHEEL=mine" in shown
    assert re.search(r"imdb +available +classify +linear +hub", shown)


def test_names_of_columns_are_never_taken_for_markup(project: Path) -> None:
    path = Path(csv(project / "[a].csv", [(text, f"[/{label}]") for text, label in rows(20, 20)]))
    path.write_text(path.read_text().replace("text,label", "[/text],[label]"))
    console = Console(record=True, width=120)
    show_report(new("mine", str(path), root=project), console)
    (project / "conf" / "flywheel" / "imdb.yaml").write_text(REVIEWS.replace("transformer", "'[/x]'"))
    show_flywheels(flywheels(project), console)
    shown = console.export_text()
    assert "text from '[/text]', label from '[label]'" in shown
    assert "[/x]" in shown


def test_lists_written_as_text_give_labels_without_brackets(project: Path) -> None:
    lists = [["joy"], ["fear"], ["joy", "fear"]]
    lines = ["text,labels", *(f'it felt like no {i},"{lists[i % 3]}"' for i in range(60)), "nothing at all,"]
    (project / "a.csv").write_text("\n".join(lines))
    report = new("feelings", str(project / "a.csv"), root=project)
    assert (report.columns.kind, report.counts) == ("multilabel", {"fear": 40, "joy": 40})
    assert any(line.startswith("No label: 1 of 61 rows") for line in report.warnings)
    console = Console(record=True, width=120)
    show_report(report, console)
    assert "several labels per text" in console.export_text()


def test_what_is_written_composes_and_is_accepted(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Composed by Hydra with the shipped conf/, checked, built and read as prepare does."""
    from hydra import compose, initialize_config_dir

    from volant import config

    shipped = ROOT / "conf"
    shutil.copytree(shipped, project / "conf", dirs_exist_ok=True)
    emotions = ["joy", "fear", "joy|fear", "${x}, anger"]
    lines = ["id\tsome text\tfeelings", *(f"{i}\tit felt like no {i}\t{emotions[i % 4]}" for i in range(80))]
    (project / "data.tsv").write_text("\n".join(lines))
    monkeypatch.chdir(project)
    new("feelings-2", "data.tsv")
    with initialize_config_dir(str(project / "conf")):
        composed = OmegaConf.to_container(compose("config"), resolve=True)
    flywheel = config.check(composed).flywheels["feelings-2"]  # type: ignore[arg-type]
    assert flywheel.labels == ["${x}, anger", "fear", "joy"]
    table = config.build(flywheel.source, "source").read(flywheel.kind)["train"]
    assert table["id"].to_pylist()[:2] == ["0", "1"]
    assert table["labels"].to_pylist()[:4] == [["joy"], ["fear"], ["joy", "fear"], ["${x}, anger"]]


@pytest.mark.parametrize(
    ("said", "model", "reason"),
    [
        ("it was fine and well", "auto", None),
        ("это было хорошо", "auto-e5", "100% of the letters are of other scripts than Latin"),
        ("很好看的电影", "auto-e5", "100% of the letters are of other scripts than Latin"),
        ("das war ein guter Film", "auto-e5", "0% of the words are among the most frequent ones of English"),
    ],
)
def test_another_language_than_english_gets_the_multilingual_encoder(
    project: Path, said: str, model: str, reason: str | None
) -> None:
    table = [(f"{said} {i}", "yes" if i % 2 else "no") for i in range(240)]
    report = new("mine", csv(project / "a.csv", table), root=project)
    assert report.model == model
    lines = [line for line in report.warnings if line.startswith("Encoder: `e5`")]
    assert [str(reason) in line for line in lines] == ([True] if reason else [])


def test_many_rows_of_another_language_and_cased_kinds_get_e5() -> None:
    assert model_for(["очень хорошо"] * 1000)[0] == "e5"
    model, (why,) = model_for(["it was John and that was fine"], "tokens")
    assert (model, "Capitals" in why) == ("spans-e5", True)


@pytest.mark.parametrize("option", ["auto-e5", "e5"])
def test_the_options_that_it_chooses_are_models_with_that_encoder(option: str) -> None:
    model = config.build(model_tree(ROOT, option), "model")
    parts = [part for part in model.models.values() if part.family == "transformer"] if option != "e5" else [model]
    assert {part.encoder for part in parts} == {"e5"}
