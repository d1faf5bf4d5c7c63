"""The real pipeline, shrunk: a newcomer's CSV through `volant new` and `dvc repro`, in a copy of the project."""

import ast
import csv
import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from support.modules import EDGES, MODULES
from support.projects import ENVIRONMENT, ROOT, copy_project
from support.texts import reviews
from volant.kinds import KINDS as REGISTERED

pytestmark = pytest.mark.slow


def run(project: Path, *command: str, code: int = 0) -> str:
    """What a command prints; it must end with the exit code that is expected."""
    done = subprocess.run(
        command, cwd=project, capture_output=True, text=True, check=False, env={**os.environ, **ENVIRONMENT}
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def stages(printed: str) -> list[str]:
    """The stages that `dvc repro` ran."""
    return [line.split("'")[1] for line in printed.splitlines() if line.startswith("Running stage")]


def set_leaf(project: Path, old: str, new: str) -> None:
    path = project / "conf/flywheel/mine.yaml"
    text = path.read_text()
    assert text.count(old) == 1, text
    path.write_text(text.replace(old, new))
    run(project, "volant", "params")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with a flywheel of one's own, reproduced once."""
    root = tmp_path_factory.mktemp("project")
    copy_project(root)
    run(root, "git", "init", "-q")
    with (root / "mine.csv").open("w", newline="") as stream:
        rows = reviews(260, seed=4).drop_columns(["id"]).to_pylist()
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    printed = run(root, "volant", "new", "mine", "--data", "mine.csv", "--text", "text", "--label", "label")
    assert "fresh" in printed
    conf = (root / "conf/flywheel/mine.yaml").read_text()
    (root / "conf/flywheel/mine.yaml").write_text(conf.replace("/model@model: auto", "/model@model: linear"))
    run(root, "volant", "params")
    assert stages(run(root, "dvc", "repro", "evaluate@mine")) == [
        f"{s}@mine" for s in ("prepare", "clean", "train", "evaluate")
    ]
    return root


def test_it_ends_in_figures_and_answers(project: Path) -> None:
    metrics = json.loads((project / "reports/mine/metrics.json").read_text())
    assert len(metrics) == 10
    assert metrics["macro_f1"] > 0.9
    assert metrics["lift"] > 0.8
    assert "macro_f1" in run(project, "volant", "results", "mine")
    answer = json.loads(run(project, "volant", "predict", "mine", "the film was lovely", "--json", "--all-scores"))
    assert answer["label"] == "fresh"
    assert sum(answer["scores"].values()) == pytest.approx(1, abs=1e-5)


def test_again_nothing_runs(project: Path) -> None:
    assert stages(run(project, "dvc", "repro", "evaluate@mine")) == []


def test_dvc_shows_metrics_and_plots(project: Path) -> None:
    shown = json.loads(run(project, "dvc", "metrics", "show", "--json", "reports/mine/metrics.json").splitlines()[-1])
    assert "macro_f1" in json.dumps(shown)
    run(project, "dvc", "plots", "show", "-q", "reports/mine/plots/confusion.csv", "-o", "page")
    assert "vega" in (project / "page/index.html").read_text()
    run(project, "dvc", "plots", "show", "-q", "-o", "all")
    page = (project / "all/index.html").read_text()
    titles = ("Learning curves", "Confusion", "F1 by label", "ROC", "Precision and recall", "Calibration")
    assert [title for title in titles if f'"{title}"' not in page] == []


def test_what_a_plot_shows_lies_inside_its_axes(project: Path) -> None:
    """Epochs and losses have no upper end, rates and probabilities do."""
    train = yaml.safe_load((project / "dvc.yaml").read_text())["stages"]["train"]["do"]["plots"]
    evaluate = yaml.safe_load((project / "reports/mine/dvc.yaml").read_text())["plots"]
    plots = [item for entry in train for item in entry.items()]
    plots += [(f"reports/mine/{name}", plot) for entry in evaluate for name, plot in entry.items()]
    assert len(plots) == 6
    bounded = set()
    for name, plot in plots:
        template = project / ".dvc/plots" / f"{plot['template']}.json"
        if template.exists() and '"domain"' in template.read_text():
            bounded.add(Path(name).name)
            rows = list(csv.DictReader((project / name.replace("${key}", "mine")).open()))
            values = [float(row[plot[axis]]) for row in rows for axis in ("x", "y")]
            assert 0 <= min(values) <= max(values) <= 1
    assert bounded == {"roc.csv", "pr.csv", "calibration.csv"}


def test_a_changed_leaf_runs_just_what_depends_on_it(project: Path) -> None:
    set_leaf(project, "slices: [movie]", "slices: []")
    assert stages(run(project, "dvc", "repro", "evaluate@mine")) == ["evaluate@mine"]
    set_leaf(project, "metric: macro_f1", "metric: accuracy")
    assert stages(run(project, "dvc", "repro", "evaluate@mine")) == ["train@mine", "evaluate@mine"]


def test_same_inputs_same_bytes(project: Path) -> None:
    files = [
        p for folder in ("data/mine", "reports/mine", "models/mine") for p in sorted((project / folder).rglob("*"))
    ]
    before = {p: p.read_bytes() for p in files if p.is_file() and p.name != "speed.json"}
    run(project, "dvc", "repro", "-f", "evaluate@mine")
    assert [str(p.relative_to(project)) for p, content in before.items() if p.read_bytes() != content] == []


def bundle_file(project: Path, name: str) -> str:
    return (project / "models/mine" / name).read_text("utf-8")


def test_what_the_bundle_keeps_is_never_old(project: Path) -> None:
    """A step that changes no row leaves the clean rows as they were, and yet the service must apply it."""
    before = (project / "data/mine/clean/train.parquet").read_bytes()
    set_leaf(project, "unicode, control,", "unicode, control, emails,")
    ran = stages(run(project, "dvc", "repro", "evaluate@mine"))
    assert (project / "data/mine/clean/train.parquet").read_bytes() == before
    assert ran == ["clean@mine", "train@mine", "evaluate@mine"]
    assert "emails" in json.loads(bundle_file(project, "manifest.json"))["cleaning"]
    set_leaf(project, "description: label of text in mine.csv", "description: What the critics say")
    assert stages(run(project, "dvc", "repro", "train@mine")) == ["prepare@mine", "train@mine"]
    assert "What the critics say" in bundle_file(project, "README.md")


def test_a_changed_split_runs_from_the_start_and_another_seed_trains_on_the_same_rows(project: Path) -> None:
    set_leaf(project, "validation: 0.1 ", "validation: 0.2 ")
    assert stages(run(project, "dvc", "repro", "train@mine")) == ["prepare@mine", "clean@mine", "train@mine"]
    set_leaf(project, "seed: ${seed}", "seed: 7")
    assert stages(run(project, "dvc", "repro", "train@mine")) == ["train@mine"]


def test_the_test_rows_are_no_dependency_of_training() -> None:
    import yaml

    train = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["train"]["do"]
    assert not [dep for dep in train["deps"] if "test" in dep]


# What decides no output: config reaches a stage as params, a tracker records what was done, `stages` calls the stage,
# and of the workspace only `files` and `provenance` touch what is written. `kinds` names the kinds, each a dep itself.
APART = ("volant.config", "volant.tracking", "volant.errors", "volant.stages", "volant.kinds")
APART += tuple(f"volant.workspace{room}" for room in ("", ".locks", ".paths", ".terminal"))
ROOMS = ("volant.config.", "volant.tracking.")
FAMILY = "src/volant/models/${item.model.family}.py"
KIND = "src/volant/kinds/${item.kind}.py"
KINDS = tuple(REGISTERED)
OPTIONS = [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "conf/model").glob("*.yaml"))]
FAMILIES = sorted({option["family"] for option in OPTIONS if "family" in option})


def decides(node: ast.stmt) -> bool:
    """Code that can decide an output: a protocol only says what others have to do."""
    if isinstance(node, ast.ClassDef):
        return "Protocol" not in {base.id for base in node.bases if isinstance(base, ast.Name)}
    return isinstance(node, ast.FunctionDef)


def packages(module: str) -> list[str]:
    """The packages that Python runs before a module."""
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(2, len(parts))]


def reached(modules: list[str]) -> set[str]:
    """Files with code that modules import, lazily or not, and what those import."""
    waiting = list(modules)
    seen: set[str] = set()
    while waiting:
        module = waiting.pop()
        if module not in seen and module not in APART and not module.startswith(ROOMS):
            seen.add(module)
            waiting += [*EDGES[module], *packages(module)]
    return {str(MODULES[name].relative_to(ROOT)) for name in seen if has_code(MODULES[name])}


def has_code(path: Path) -> bool:
    """A file other than a list of names."""
    return any(decides(node) for node in ast.parse(path.read_text("utf-8")).body)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("stage", ["prepare", "clean", "train", "evaluate"])
def test_the_code_that_a_stage_imports_is_listed(stage: str, family: str, kind: str) -> None:
    """What decides a stage's output must be among its deps, or a change of it would go unseen."""
    listed = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"][stage]["do"]["deps"]
    own = [f"volant.models.{family}"] if FAMILY in listed else []
    own += [f"volant.kinds.{kind}"] if KIND in listed else []
    deps = [dep.replace("${item.model.family}", family).replace("${item.kind}", kind) for dep in listed]
    code = reached([f"volant.stages.{stage}", *own])
    assert [path for path in sorted(code) if not any(path == dep or path.startswith(f"{dep}/") for dep in deps)] == []
    assert [dep for dep in deps if dep.startswith("src/") and not (ROOT / dep).exists()] == []
    assert len(deps) == len(set(deps))  # DVC refuses a file twice


def test_another_family_runs_nothing_again(project: Path) -> None:
    """A family is its own file and its option in conf/."""
    run(project, "dvc", "repro", "evaluate@mine")
    models = project / "src/volant/models"
    for name in ("other", "recurrent"):
        (models / f"{name}.py").write_text(f"{(models / 'recurrent.py').read_text()}\n# another\n")
    (project / "conf/model/other.yaml").write_text("family: other\n")
    assert "up to date" in run(project, "dvc", "status", "evaluate@mine")
    own = models / "linear.py"
    before = own.read_text()
    own.write_text(f"{before}\n# a change\n")
    assert "src/volant/models/linear.py" in run(project, "dvc", "status", "train@mine")
    own.write_text(before)


def test_another_kind_runs_nothing_again(project: Path) -> None:
    """A kind is its own file and a line of the registry."""
    run(project, "dvc", "repro", "evaluate@mine")
    kinds = project / "src/volant/kinds"
    registry = (kinds / "__init__.py").read_text()
    (kinds / "other.py").write_text((kinds / "classify.py").read_text().replace('"classify"', '"other"'))
    line = '"classify": "volant.kinds.classify"'
    assert line in registry
    (kinds / "__init__.py").write_text(registry.replace(line, f'"other": "volant.kinds.other", {line}'))
    assert stages(run(project, "dvc", "repro", "evaluate@mine")) == []
    assert "up to date" in run(project, "dvc", "status", "evaluate@mine")
    own = kinds / "classify.py"
    own.write_text(f"{own.read_text()}\n# a change\n")
    assert "src/volant/kinds/classify.py" in run(project, "dvc", "status", "train@mine")
