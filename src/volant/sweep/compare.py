"""Comparison of the families on one flywheel, each as a DVC experiment: `python -m volant.sweep.compare tweets`."""

import argparse
import json
import secrets
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any

from volant import config
from volant.config import model_choice
from volant.errors import VolantError
from volant.kinds.rates import lower_is_better
from volant.rendering.markdown import table
from volant.workspace import paths
from volant.workspace.dvc import environment
from volant.workspace.files import write_text
from volant.workspace.terminal import Console

FAMILIES = ("linear", "recurrent", "transformer")
MAIN = ("accuracy", "subset_accuracy", "macro_f1", "weighted_f1", "micro_f1", "roc_auc", "hamming_loss")


@dataclass(frozen=True)
class Result:
    """The evaluation of one model.

    Attributes:
        model: Its option in `conf/model/`.
        experiment: Name of the DVC experiment.
        details: `reports/<flywheel>/details.json`.
        speed: `reports/<flywheel>/speed.json`.
        validation: The flywheel's metric on the validation rows, which selects the model.
    """

    model: str
    experiment: str
    details: Mapping[str, Any]
    speed: Mapping[str, float]
    validation: float | None = None


def compare(name: str, models: Sequence[str] = FAMILIES, root: Path = Path()) -> tuple[str, list[str]]:
    """Run each model as an experiment and write `reports/<name>/compare.md`.

    Args:
        name: Name of a live flywheel.
        models: Options of `conf/model/`.
        root: Root of the project; its files end up as the flywheel's own config has them.

    Returns:
        The Markdown, and the experiments that failed, if any.

    Raises:
        VolantError: If the flywheel is not live, a model is unknown, git or DVC is missing, or all failed.
    """
    config.flywheel(name, config.load(root / config.PARAMS))
    options = list(dict.fromkeys(model_choice.option_for(root, name, model) for model in models))
    switches = {option: model_choice.switch(root, name, option, f"flywheels.{name}") for option in options}
    results = {}
    failed = []
    # the flywheel's own model last: the workspace then matches its config, without another run
    for option in sorted(options, key=lambda option: not switches[option]):
        experiment = f"{name}-{option.removeprefix(f'{name}-')}-{secrets.token_hex(3)}"
        if _dvc(root, ["exp", "run", "-n", experiment, *_sets(switches[option]), f"evaluate@{name}"]):
            failed.append(experiment)
        else:
            results[option] = read(paths.reports(name, root), option, experiment)
    if model_choice.chosen(root, name) not in results:
        _restore(root, name)
    if not results:
        raise VolantError(f"No experiment of {name} finished (see the errors above). Fix them, and run this again.")
    text = markdown(name, [results[option] for option in options if option in results])
    write_text(text, paths.reports(name, root) / "compare.md")
    return text, failed


def read(reports: Path, model: str, experiment: str) -> Result:
    """Return the report of the experiment that ran last; the next one overwrites it in the workspace.

    Args:
        reports: Folder of the flywheel's reports.
        model: Option in `conf/model/`.
        experiment: Name of the DVC experiment.
    """
    details, speed = (json.loads((reports / f"{n}.json").read_text("utf-8")) for n in ("details", "speed"))
    path = reports / "train.json"
    trained = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return Result(model, experiment, details, speed, trained.get(f"val_{details['metric']}"))


def best(results: Sequence[Result]) -> Result | None:
    """Return the best result on validation, as test rows never select a model; None if not all have a score."""
    if any(result.validation is None for result in results):
        return None
    choose = min if lower_is_better(results[0].details["metric"]) else max
    return choose(results, key=lambda result: result.validation or 0.0)


def markdown(name: str, results: Sequence[Result]) -> str:
    """Return the comparison as Markdown."""
    labels = [row["label"] for row in results[0].details["labels"]]
    metric = results[0].details["metric"]
    note = f" − is `{labels[0]}`, + is `{labels[1]}`." if len(labels) == 2 else ""
    listed = "\n".join(f"- {result.model}: `dvc exp apply {result.experiment}`" for result in results)
    winner = best(results)
    advice = (
        f"Best on validation: **{winner.model}** ({metric} {winner.validation:.3f}). "
        f"To use it: `dvc exp apply {winner.experiment}`"
        if winner
        else "Not every model has a validation score here, so none is recommended."
    )
    return (
        f"# {name}: models side by side\n\n"
        f"The first row is on the validation rows: select by it. All others are on the test rows, which no model has "
        f"seen: they report only, as a model selected by them would look better than it is. The flywheel's metric is "
        f"`{metric}`.{note}\n\n{_scores(results)}\n\n"
        "Interval: 95 %, percentile bootstrap. Latency: median, one text at a time, on the same machine.\n\n"
        f"{advice}\n\nAll experiments:\n\n{listed}\n"
    )


def _scores(results: Sequence[Result]) -> str:
    """Return a table of the metrics that all results have, a column for each result."""
    binary = len(results[0].details["labels"]) == 2
    columns = [_binary(result) if binary else _multiclass(result) for result in results]
    shared = [key for key in columns[0] if key in set.intersection(*map(set, columns))]
    rows = [[key, *map(itemgetter(key), columns)] for key in shared]
    return table(["", *(result.model for result in results)], rows)


def _binary(result: Result) -> dict[str, object]:
    """Return name → value for two labels: the first is −, the second +."""
    scores = result.details["scores"]
    metric = result.details["metric"]
    minus, plus = result.details["labels"]
    own = {} if metric == "accuracy" else {metric: scores[metric]}
    return {
        **_validation(result),
        **own,
        "accuracy": scores.get("accuracy", scores.get("subset_accuracy")),
        "F1−": minus["f1"],
        "F1+": plus["f1"],
        "precision−": minus["precision"],
        "precision+": plus["precision"],
        "ROC-AUC": scores.get("roc_auc"),
        "recall−": minus["recall"],
        "recall+": plus["recall"],
        **_costs(result),
    }


def _validation(result: Result) -> dict[str, object]:
    return {f"validation {result.details['metric']}": result.validation}


def _multiclass(result: Result) -> dict[str, object]:
    """Return name → value for more than two labels."""
    scores = result.details["scores"]
    metric = result.details["metric"]
    figures = {key: scores[key] for key in dict.fromkeys((metric, *MAIN)) if key in scores}
    return _validation(result) | figures | _costs(result)


def _costs(result: Result) -> dict[str, object]:
    """Return the interval of the flywheel's metric, and size and latency."""
    metric = result.details["metric"]
    ends = result.details["intervals"].get(metric)
    return {
        f"{metric}, interval": f"{ends[0]:.3f} to {ends[1]:.3f}" if ends else None,
        "size": f"{result.speed['size_bytes'] / 1e6:.1f} MB",
        "latency": f"{result.speed['latency_p50_ms']:.2f} ms",
    }


def _sets(overrides: Sequence[str]) -> list[str]:
    return list(chain.from_iterable(("-S", override) for override in overrides))


def _restore(root: Path, name: str) -> None:
    """Compose the flywheel's own config again and check out its results from DVC's cache."""
    from volant.config.compose import write_params

    write_params(root)
    _dvc(root, ["repro", "-q", f"evaluate@{name}"])


def _dvc(root: Path, arguments: Sequence[str]) -> int:
    """Run DVC with the current Python for its stages, and return its exit code.

    Raises:
        VolantError: If the root is not a git and DVC project with a commit.
    """
    if not (root / ".dvc").is_dir() or not (root / ".git").exists():
        raise VolantError(
            f"{root.resolve()} is not a git and DVC project, which experiments require. "
            "Make it one: `git init && dvc init`, and commit."
        )
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(command, cwd=root, env=environment(), check=False).returncode  # noqa: S603


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison from the command line; return 2 for a user error, 1 if an experiment failed."""
    parser = argparse.ArgumentParser(prog="volant.sweep.compare", description="Models side by side on one flywheel.")
    parser.add_argument("flywheel", help="a live flywheel")
    parser.add_argument("--models", default=",".join(FAMILIES), help="files of conf/model/, separated by commas")
    options = parser.parse_args(arguments)
    try:
        text, failed = compare(options.flywheel, [m.strip() for m in options.models.split(",") if m.strip()])
    except (VolantError, FileNotFoundError) as error:
        Console(stderr=True).print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        return 2
    Console().print(text, markup=False, highlight=False, soft_wrap=True)
    written = f"Written: reports/{options.flywheel}/compare.md. More: dvc exp show --only-changed"
    Console().print(written, highlight=False)
    for experiment in failed:
        Console(stderr=True).print(f"{experiment} failed (see the errors above).", style="red", highlight=False)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
