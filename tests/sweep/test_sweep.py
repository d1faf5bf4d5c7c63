"""Sweeps on a real toy flywheel: real Hydra, Optuna, SQLite, MLflow, and the linear family."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import optuna
import pyarrow as pa
import pytest
import yaml
from mlflow.tracking import MlflowClient

from support.sweeps import CONF, TOY, make_project, sweep
from volant import config
from volant.config import model_choice
from volant.config.compose import compose
from volant.config.rewrite import rewrite
from volant.errors import VolantError
from volant.kinds import KINDS
from volant.sweep.apply import apply, require_gain
from volant.sweep.choose import choose, pick
from volant.sweep.plan import plan
from volant.sweep.sampling import sampling
from volant.sweep.study import Goal, done, open_study, overrides, storage_url
from volant.sweep.trial import pick as pick_objectives
from volant.sweep.trial import sample
from volant.workspace.files import write_text


def study_of(root: Path, name: str) -> optuna.Study:
    return optuna.load_study(study_name=name, storage=f"sqlite:///{root}/.cache/sweeps/studies.db")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


@pytest.fixture(scope="module")
def swept(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a study of two trials, one of which failed (no word is in 9,999 rows), and one more."""
    root = make_project(tmp_path_factory.mktemp("swept") / "project", tables)
    space = ["flywheel.model.min_df=choice(1,9999)", "flywheel.model.word_ngrams.1=choice(1,2)"]
    for count in (2, 1):
        ended = sweep(root, *space, "flywheel.model.max_iter=200", f"hydra.sweeper.n_trials={count}")
        assert ended.returncode == 0, ended.stderr
    root.joinpath("last.txt").write_text(ended.stdout + ended.stderr)
    return root


@pytest.mark.slow
def test_a_failed_trial_does_not_end_the_sweep_and_running_again_goes_on(swept: Path) -> None:
    trials = study_of(swept, "toy-linear").trials
    assert [trial.state.name for trial in trials].count("FAIL") >= 1
    assert len(trials) == 3
    assert {trial.state.name for trial in trials} == {"FAIL", "COMPLETE"}
    assert len({trial.params["flywheel.model.c"] for trial in trials}) == 3  # the seed moves on with the study
    assert trials[0].params["flywheel.model.c"] == 0.5  # as the config has it: no best trial is worse
    (error, *_) = swept.glob(".cache/sweeps/toy-linear/*/*/error.txt")
    assert "min_df" in error.read_text()
    assert "3 trials" in swept.joinpath("last.txt").read_text()
    assert "volant sweep apply toy --study toy-linear" in swept.joinpath("last.txt").read_text()


@pytest.mark.slow
def test_a_trial_leaves_nothing_outside_its_study(swept: Path) -> None:
    assert not (swept / "models").exists()
    assert not (swept / "reports").exists()
    assert not list(swept.glob(".cache/sweeps/**/*.safetensors"))
    assert not (swept / "data/toy/clean/test.parquet").exists()  # there never was one: a trial does not read it


@pytest.mark.slow
def test_the_trials_are_runs_under_one_run_that_has_the_plots(swept: Path) -> None:
    client = MlflowClient(f"sqlite:///{swept}/mlflow.db")
    experiment = client.get_experiment_by_name("toy")
    assert experiment
    runs = client.search_runs([experiment.experiment_id])
    (parent,) = [run for run in runs if "sweep" in run.data.tags]
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert len(children) == 3 == len(runs) - 1
    assert {run.info.status for run in children} == {"FINISHED", "FAILED"}
    ended = [run for run in children if run.info.status == "FINISHED"]
    assert parent.data.metrics["val_accuracy"] == max(run.data.metrics["val_accuracy"] for run in ended)
    assert {"history.png", "slices.png"} <= {
        Path(file.path).name for file in client.list_artifacts(parent.info.run_id, "plots")
    }


@pytest.mark.slow
def test_the_applied_config_gives_the_value_of_the_trial_again(swept: Path, tmp_path: Path) -> None:
    root = shutil.copytree(swept, tmp_path / "copy")
    applied = apply("toy", root=root)
    best = study_of(swept, "toy-linear").best_trial
    assert applied.values == {"val_accuracy": best.value}
    assert applied.differs is None
    tree = yaml.safe_load(compose(root))
    flywheel = config.check(tree).flywheels["toy"]
    assert flywheel.model["c"] == best.params["flywheel.model.c"]
    assert flywheel.model["max_iter"] == 200  # given on the command line, so part of the trial
    assert flywheel.model["word_ngrams"] == [1, best.params["flywheel.model.word_ngrams.1"]]
    (root / "params.yaml").write_text(compose(root))
    train = [sys.executable, "-m", "volant.stages.train", "toy"]
    subprocess.run(train, cwd=root, check=True, capture_output=True)
    report = json.loads((root / "reports/toy/train.json").read_text())
    assert report["val_accuracy"] == round(applied.values["val_accuracy"], 6)


@pytest.mark.slow
def test_several_objectives_on_a_sample_of_the_rows(project: Path) -> None:
    wanted = ["objectives=[val_macro_f1,size]", "train_subset_size=40", "hydra.sweeper.n_trials=3"]
    ended = sweep(project, *wanted, "hydra/sweeper/sampler=random", "study=front")
    assert ended.returncode == 0, ended.stderr
    study = study_of(project, "front")
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    with pytest.raises(VolantError, match=r"--trial \d+: val_macro_f1 0\.\d+, size \d+ \(40 rows"):
        apply("toy", root=project)
    applied = apply("toy", root=project, trial=study.best_trials[0].number)
    assert applied.differs
    assert "40 rows" in applied.differs
    assert (project / ".cache/sweeps/front/plots/pareto.png").stat().st_size > 1000


@pytest.mark.slow
def test_when_every_trial_fails_it_says_where_to_look(project: Path) -> None:
    ended = sweep(project, "flywheel.model.min_df=9999", "hydra.sweeper.n_trials=1")
    assert ended.returncode == 2
    assert "No trial of toy-linear returned a result" in ended.stderr
    assert "Traceback" not in ended.stderr


BAD = {
    "sweep=liner": "Could not find 'sweep/liner'",
    "flywheel=tyo": "Could not find 'flywheel/tyo'",
    "objectives=[val_acuracy]": "Did you mean 'val_accuracy'",
    "flywheel.metric=f1": "'val_f1' is not a result of a trial of kind classify. Allowed: val_accuracy",
    "flywheel.model.cc=choice(1,2)": "The swept key flywheel.model.cc is not a key",
    "flywheel.model.c=strong": r"flywheels\.toy\.model\.c \(given: 'strong'\)",
    "hydra.sweeper.direction=[maximize,minimize]": "maximize or minimize for each of val_accuracy",
    "hydra.sweeper.storage=mysql+nothing://u:secret@h/x": "mysql\\+nothing://h/x can't be used",
    "hydra/sweeper/sampler=grid": r"these keys have intervals: flywheel\.model\.c\. Give each a choice",
    "flywheel=news": r"dvc repro clean@news",
    "seed": "Invalid argument",
}


@pytest.mark.parametrize("argument", BAD)
def test_what_can_not_be_searched_is_refused_before_the_first_trial(project: Path, argument: str) -> None:
    with pytest.raises(VolantError, match=BAD[argument]) as caught:
        plan(["flywheel=toy", "sweep=linear", argument], project)
    assert "secret" not in str(caught.value)


def test_a_grid_has_the_cells_that_are_left(project: Path) -> None:
    cells = [
        "flywheel.model.c=choice(1,2)",
        "flywheel.model.min_df=1",
        "flywheel.model.word_ngrams.1=range(1,4)",
    ]
    rest = ["flywheel.model.sublinear_tf=true", "flywheel.model.class_weights=false"]
    given = ["flywheel=toy", "sweep=linear", "hydra/sweeper/sampler=grid", *cells, *rest]
    planned = plan(given, project)
    assert "hydra.sweeper.n_trials=6" in planned.arguments
    assert "flywheel.model.min_df=choice(1)" in planned.arguments
    study = optuna.load_study(study_name=planned.study, storage=planned.storage)
    for _ in range(6):
        study.add_trial(optuna.trial.create_trial(value=0.5, system_attrs={"grid_id": 0}))
    with pytest.raises(VolantError, match="Every cell"):
        plan(given, project)


def test_a_study_keeps_its_objectives(project: Path) -> None:
    url = storage_url(project)
    open_study("s", url, Goal("toy", ("val_accuracy",), ("maximize",)))
    with pytest.raises(VolantError, match=r"maximize val_accuracy\) than this sweep \(toy: minimize size.*study=s-2"):
        open_study("s", url, Goal("toy", ("size",), ("minimize",)))


@pytest.mark.parametrize("family", ["linear", "recurrent", "transformer"])
def test_every_search_space_names_keys_of_its_family(project: Path, family: str) -> None:
    """`plan` refuses a swept key that isn't there; the toy's own `c` must not stand in the way of another family."""
    planned = plan(["flywheel=toy", f"sweep={family}"], project)
    assert f"model@flywheel.model={family}" in planned.arguments
    assert ("~flywheel.model.c" in planned.arguments) == (family != "linear")


def test_the_visited_search_spaces_are_all_that_there_are() -> None:
    assert {path.stem for path in (CONF / "sweep").glob("*.yaml")} == {"linear", "recurrent", "transformer"}


def test_a_flywheel_is_swept_in_its_own_model_of_the_family(project: Path) -> None:
    own = project / "conf/model/toy-recurrent.yaml"
    own.write_text("defaults: [recurrent, _self_]\nmax_length: 16\n")
    assert model_choice.option_for(project, "toy", "recurrent") == "toy-recurrent"
    assert model_choice.model_tree(project, "toy-recurrent")["max_length"] == 16
    assert model_choice.switch(project, "toy", "linear", "flywheel") == []
    planned = plan(["flywheel=toy", "sweep=recurrent"], project)
    assert "model@flywheel.model=toy-recurrent" in planned.arguments


def test_the_switch_takes_back_what_was_set_for_another_family(project: Path) -> None:
    toy = project / "conf/flywheel/toy.yaml"
    text = "model:\n  dropout: 0.9\n  cell: gru\n  training: {num_train_epochs: 1}\n"
    toy.write_text(TOY.replace("linear ", "recurrent ").replace(TOY[TOY.index("model:\n") : TOY.index("\n# an")], text))
    wanted = model_choice.model_tree(project, "transformer")
    swapped = model_choice.switch(project, "toy", "transformer", "flywheels.toy")
    assert swapped == [
        "model@flywheels.toy.model=transformer",
        f"flywheels.toy.model.dropout={wanted['dropout']}",
        "~flywheels.toy.model.cell",
        f"flywheels.toy.model.training.num_train_epochs={wanted['training']['num_train_epochs']}",
    ]
    composed = config.check(yaml.safe_load(compose(project, swapped))).flywheels["toy"].model
    assert composed == wanted


def test_the_seed_moves_on_but_not_that_of_a_grid() -> None:
    sampler = SimpleNamespace(_target_="optuna.samplers.TPESampler", seed=13)
    sweeper = SimpleNamespace(sampler=sampler, n_trials=8)
    assert sampling(sweeper, 5) == {
        "hydra.sweeper.sampler.seed": 18,
        "hydra.sweeper.sampler.n_startup_trials": 4,
    }
    sampler._target_ = "optuna.samplers.GridSampler"
    assert sampling(sweeper, 5) == {}


def test_a_sample_has_every_label_and_the_seed_decides() -> None:
    table = pa.table({"id": [str(k) for k in range(100)], "label": ["a"] * 98 + ["b", "c"]})
    taken = sample(table, KINDS["classify"], 10, 1)
    assert len(taken) == 10
    assert {"a", "b", "c"} == set(taken["label"].to_pylist())
    assert taken.equals(sample(table, KINDS["classify"], 10, 1))
    assert not taken.equals(sample(table, KINDS["classify"], 10, 2))
    assert sample(table, KINDS["classify"], 1000, 1).equals(table)


def test_an_objective_that_a_trial_does_not_return_is_named_with_those_that_it_does() -> None:
    with pytest.raises(VolantError, match=r"'val_roc_auc' is not a result of .*: val_accuracy, size"):
        pick_objectives(["val_roc_auc"], {"val_accuracy": 0.5, "size": 1.0})


def test_rewriting_changes_the_leaves_alone() -> None:
    settings = {"model.c": 68.22418955385889, "model.word_ngrams": [1, 3], "model.bf16": None, "metric": "macro_f1"}
    text = rewrite(TOY, settings)
    changed = [line for line in text.splitlines() if line not in TOY.splitlines()]
    assert [line.split("#")[0].strip() for line in changed] == [
        "metric: macro_f1",
        "c: 68.22418955385889",
        "word_ngrams: [1, 3]",
        "bf16: null",
    ]
    assert "a comment that stays" in changed[1]
    assert text.endswith(TOY[TOY.index("\n# another comment") :])
    switched = rewrite(TOY, {"model.dropout": 0.25}, "recurrent")
    assert "- /model@model: recurrent   # or recurrent, transformer" in switched
    assert "model:\n  dropout: 0.25\n" in switched
    assert "max_iter" not in switched


@pytest.mark.parametrize("path", sorted((CONF / "flywheel").glob("*.yaml")), ids=lambda path: path.stem)
def test_rewriting_a_shipped_flywheel_only_adds_lines(path: Path) -> None:
    before = path.read_text(encoding="utf-8")
    after = rewrite(before, {"model.training.learning_rate": 1e-05})
    assert [line for line in before.splitlines() if line not in after.splitlines()] == []
    assert "    learning_rate: 1.0e-05" in after.splitlines()


def two_studies(root: Path, subset: str) -> list[optuna.Study]:
    found = []
    for name, value, size in (("a", 0.6, "null"), ("b", 0.8, subset)):
        study = open_study(name, storage_url(root), Goal("toy", ("val_accuracy",), ("maximize",)))
        given = {"train_subset_size": size, "data": "sha-1", "flywheel.model.c": "2.0"}
        study.add_trial(optuna.trial.create_trial(value=value, user_attrs=given))
        study.add_trial(optuna.trial.create_trial(value=value - 0.1, user_attrs=given))
        found.append(study)
    return found


def test_the_best_of_several_studies_is_taken_where_they_compare(project: Path) -> None:
    studies = two_studies(project, "null")
    assert choose(studies, "toy", None).study_name == "b"
    assert choose(studies, "toy", "a").study_name == "a"
    assert [trial.value for trial in done(studies[0])] == [0.6, 0.5]
    assert overrides(pick(studies[0], 1))["flywheel.model.c"] == 2.0
    with pytest.raises(VolantError, match=r"no trial 7 with a result. The best: 0, 1"):
        pick(studies[0], 7)
    with pytest.raises(VolantError, match=r"'c' is not a study of toy with results"):
        choose(studies, "toy", "c")


def test_studies_of_other_rows_are_listed_instead(project: Path) -> None:
    with pytest.raises(VolantError, match=r"a: val_accuracy 0\.6 \(all rows[^\n]*\n  b: val_accuracy 0\.8 \(50 rows"):
        choose(two_studies(project, "50"), "toy", None)


def test_without_a_study_it_says_how_to_run_one(project: Path) -> None:
    with pytest.raises(VolantError, match=r"python -m volant.sweep -m flywheel=toy"):
        apply("toy", root=project)


def test_settings_that_fit_no_more_leave_the_file_as_it_was(project: Path) -> None:
    goal = Goal("toy", ("val_accuracy",), ("maximize",))
    study = open_study("old", storage_url(project), goal)
    study.add_trial(optuna.trial.create_trial(value=0.9, user_attrs={"flywheel.model.gone": "1"}))
    with pytest.raises(VolantError, match=r"stays as it was.*model\.gone"):
        apply("toy", root=project)
    assert (project / "conf/flywheel/toy.yaml").read_text() == TOY


def test_importing_a_sweep_imports_nothing_heavy() -> None:
    heavy = "{'torch', 'transformers', 'sklearn', 'mlflow', 'optuna', 'hydra', 'matplotlib'}"
    code = f"import sys, volant.sweep.run, volant.sweep.apply, volant.sweep.compare; print({heavy} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_a_study_of_somebody_else_is_not_taken_over(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    foreign = optuna.create_study(storage=url, study_name="toy", direction="maximize")
    foreign.tell(foreign.ask(), 0.5)
    with pytest.raises(VolantError, match=r"The study 'toy' has another goal \(\?.*Use a new study"):
        open_study("toy", url, Goal("toy", ("val_accuracy",), ("maximize",)))
    assert optuna.load_study(study_name="toy", storage=url).user_attrs == {}


@pytest.mark.parametrize(
    ("direction", "metric", "now", "refused"),
    [
        *(("maximize", "val_macro_f1", 0.823, True), ("maximize", "val_macro_f1", 0.7, False)),
        *(("minimize", "val_loss", 0.2, True), ("maximize", "val_accuracy", 0.9, False)),
    ],
)
def test_a_trial_that_is_worse_than_the_model_in_place_is_refused(
    tmp_path: Path, direction: Literal["minimize", "maximize"], metric: str, now: float, refused: bool
) -> None:
    objective = "val_loss" if direction == "minimize" else "val_macro_f1"
    study = optuna.create_study(study_name="toy", direction=direction)
    study.set_user_attr("objectives", [objective])
    study.optimize(lambda _: 0.745, n_trials=1)
    write_text(json.dumps({metric: now}), tmp_path / "reports/toy/train.json")
    if refused:
        with pytest.raises(VolantError, match=r"0\.7450 on validation.*--force"):
            require_gain("toy", study, study.best_trial, tmp_path)
    else:
        require_gain("toy", study, study.best_trial, tmp_path)
