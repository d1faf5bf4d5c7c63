"""Config: every file composes and binds; what is wrong is named with its file, key, value and the nearest right one."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from support.projects import ROOT
from volant import config
from volant.config.compose import check_params, compose, write_params
from volant.config.model_choice import expand
from volant.errors import VolantError

FLYWHEELS = sorted(path.stem for path in (ROOT / "conf/flywheel").glob("*.yaml"))
MODELS = sorted(path.stem for path in (ROOT / "conf/model").glob("*.yaml"))
LIVE = yaml.safe_load((ROOT / "params.yaml").read_text())


def composed(name: str, *overrides: str) -> config.Config:
    first = [] if name in LIVE["flywheels"] else [f"+flywheel@flywheels.{name}={name}"]
    return config.check(yaml.safe_load(compose(ROOT, [*first, *overrides])))


def test_all_conf_files_are_visited() -> None:
    assert len(FLYWHEELS) >= 5
    assert len(MODELS) >= 5


@pytest.mark.parametrize("name", FLYWHEELS)
@pytest.mark.parametrize("model", MODELS)
def test_every_flywheel_composes_with_every_model(name: str, model: str) -> None:
    flywheel = composed(name, f"model@flywheels.{name}.model={model}").flywheels[name]
    built = config.build(flywheel.model, "model")
    assert built.family == flywheel.model["family"]


def test_params_are_what_conf_says() -> None:
    check_params(ROOT)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of conf/ that a test may break."""
    import shutil

    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    return tmp_path


def test_stale_params_are_found_and_written(project: Path) -> None:
    assert write_params(project)
    assert not write_params(project)
    main = project / "conf/config.yaml"
    main.write_text(main.read_text().replace("seed: 13", "seed: 14"))
    with pytest.raises(VolantError, match=r"stale.*'seed: 13'.*'seed: 14'"):
        check_params(project)


def test_a_misspelt_key_is_named_before_staleness(project: Path) -> None:
    write_params(project)
    reviews = project / "conf/flywheel/reviews.yaml"
    reviews.write_text(reviews.read_text().replace("metric:", "metrc:"))
    with pytest.raises(VolantError, match="Did you mean 'metric'"):
        check_params(project)


def test_another_model_takes_back_an_option_that_is_a_mapping(project: Path) -> None:
    with (project / "conf/flywheel/reviews.yaml").open("a") as file:
        file.write("model:\n  linear: null\n")
    assert yaml.safe_load(compose(project))["flywheels"]["reviews"]["model"]["linear"] is None
    overrides = expand(["model@flywheels.reviews.model=emotions-transformer"], project)
    model = yaml.safe_load(compose(project, overrides))["flywheels"]["reviews"]["model"]
    assert model["linear"]["char_ngrams"] == [3, 5]


def test_that_params_are_fresh_is_known_without_loading_what_they_name() -> None:
    code = "import sys; from volant.config.compose import check_params; check_params()"
    code += "; print({'numpy', 'pyarrow'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        (
            "metric: macro_f1",
            "metrc: macro_f1",
            ["conf/flywheel/reviews.yaml", "flywheels.reviews.metrc", "Did you mean 'metric'?"],
        ),
        (
            "metric: macro_f1",
            "metric: macro_f2",
            ["flywheels.reviews.metric", "'macro_f2'", "Did you mean 'macro_f1'?"],
        ),
        (
            "kind: classify",
            "kind: clasify",
            ["flywheels.reviews.kind", "'clasify'", "one of classify, multilabel", "Did you mean 'classify'?"],
        ),
        ("slices: [movie_name]", "slices: [movie]", ["reviews.evaluation.slices", "Did you mean 'movie_name'?"]),
        ("labels: [fresh, rotten]\n", "", ["flywheels.reviews.labels", "the key is missing", "null"]),
        ("evaluation:\n  slices: [movie_name]\n", "", ["flywheels.reviews.evaluation", "the key is missing", "{}"]),
        ("  test: 0.2", "  test: 2", ["flywheels.reviews.split.test", "(given: 2)", "less than 1"]),
        ("  test: 0.2", "  tets: 0.2", ["flywheels.reviews.split.tets", "Did you mean 'test'?"]),
        ("seed: ${seed}", "seed: seven", ["flywheels.reviews.seed", "'seven'", "integer"]),
        ("cleaning: [html,", "cleaning: [htlm,", ["flywheels.reviews.cleaning", "htlm", "html"]),
        ("/model@model: reviews-transformer", "/model@model: transfomer", ["model/transfomer", "transformer"]),
    ],
)
def test_what_is_wrong_is_named(project: Path, old: str, new: str, parts: list[str]) -> None:
    path = project / "conf/flywheel/reviews.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(VolantError) as error:
        compose(project)
    for part in parts:
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("os.system", "a class of Volant"),
        ("volant.models.linear.Liner", "Liner"),
        ("volant.models.nothing.Linear", "nothing"),
        ("volant.config.load", "not a function"),
        (None, "a class of Volant"),
    ],
)
def test_only_classes_of_volant_are_built(target: str | None, reason: str) -> None:
    with pytest.raises(VolantError, match=reason):
        config.build({"_target_": target, "x": 1}, "flywheels.reviews.model")


def test_a_misspelt_hyper_parameter_is_found_without_building() -> None:
    broken = yaml.safe_load(compose(ROOT))
    broken["flywheels"]["reviews"]["model"]["training"]["learning_rat"] = 1
    with pytest.raises(VolantError, match=r"model.training.learning_rat.*Did you mean 'learning_rate'"):
        config.check(broken)


def test_no_such_flywheel_says_which_are_live() -> None:
    with pytest.raises(VolantError, match=r"'review'.*Did you mean 'reviews'.*Live: "):
        config.flywheel("review", config.check(LIVE))


def test_no_params_says_what_makes_them(tmp_path: Path) -> None:
    with pytest.raises(VolantError, match="volant params"):
        config.load(tmp_path / "params.yaml")
