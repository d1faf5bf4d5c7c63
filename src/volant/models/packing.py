"""From a fitted model to a bundle: choose the runtime, calibrate, record golden texts, describe, seal."""

import json
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from volant.bundle import runtime
from volant.bundle.bundle import CARD, GOLDEN
from volant.bundle.manifest import seal
from volant.cleaning import clean_texts, parse_steps
from volant.config import Flywheel
from volant.errors import VolantError
from volant.kinds import Calibration, Outputs
from volant.kinds.rates import gain_sign
from volant.kinds.record import Annotation
from volant.models import Examples, Fitted, Task
from volant.models.card import model_card
from volant.workspace.files import sha256
from volant.workspace.provenance import digest

INT8_LOSS = 0.005  # largest loss of the flywheel's metric on validation for which the smaller model is chosen
GOLDEN_TEXTS = 8
GOLDEN_TOLERANCE = 0.02  # tolerance of a probability: kernels differ between CPUs, most of all in int8
LIBRARIES = ("numpy", "onnxruntime", "scikit-learn", "tokenizers", "torch", "transformers", "volant-nlp")


@dataclass(frozen=True)
class Origin:
    """The origin of a bundle: flywheel, sha256 of its training data, config digest, commit."""

    flywheel: str
    data: dict[str, str]
    config: str
    commit: str

    @classmethod
    def of(cls, name: str, flywheel: Flywheel, data: Path, commit: str) -> "Origin":
        """Hash the config and the clean splits that training reads.

        Args:
            name: Name of the flywheel.
            flywheel: Config of the flywheel.
            data: Folder of the clean splits.
            commit: Git commit of the code.
        """
        hashes = {split: sha256(data / f"{split}.parquet") for split in ("train", "validation")}
        return cls(name, hashes, digest(asdict(flywheel)), commit)


def pack(
    folder: Path, fitted: Fitted, task: Task, validation: Examples, flywheel: Flywheel, origin: Origin
) -> dict[str, float]:
    """Make a bundle of the model files in `folder`, and return the chosen model's metrics on validation.

    Args:
        folder: Folder of the files that `fitted.candidates` name; those of other candidates are removed.
        fitted: Ways to run the model, most accurate first.
        task: Kind, labels, metric.
        validation: Rows that choose the candidate, fit the calibration and provide the golden texts.
        flywheel: Config of the flywheel: its cleaning steps and description are stored.
        origin: Origin to record in the manifest.
    """
    scored = [_score(folder, candidate, task, validation) for candidate in fitted.candidates]
    chosen = choose([scores[task.metric] for scores, _ in scored], task.metric)
    scores, outputs = scored[chosen]
    _remove_others(folder, fitted, chosen)
    calibration = task.calibrate(outputs, validation)
    _write_golden(folder, task, validation, calibration, fitted.candidates[chosen], flywheel)
    names = [candidate["precision"] for candidate in fitted.candidates]
    manifest = {
        "kind": task.kind.name,
        "labels": list(task.labels),
        "family": fitted.choice.get("family", flywheel.model["family"]),
        "cleaning": flywheel.cleaning,
        "runtime": dict(fitted.candidates[chosen]),
        "precision": names[chosen],
        "precision_choice": {
            "rule": f"int8 if it loses at most {INT8_LOSS} of validation {task.metric}",
            "validation": {
                name: round(metrics[task.metric], 6) for name, (metrics, _) in zip(names, scored, strict=True)
            },
        },
        "max_length": fitted.candidates[chosen].get("max_length"),
        "metric": task.metric,
        "calibration": asdict(calibration),
        "validation": {name: round(value, 6) for name, value in scores.items()},
        "golden_tolerance": GOLDEN_TOLERANCE,
        "flywheel": origin.flywheel,
        "data": origin.data,
        "config": origin.config,
        "commit": origin.commit,
        "seed": task.seed,
        "versions": versions(),
    }
    manifest |= {name: dict(value) for name in ("reading", "choice", "encoder") if (value := getattr(fitted, name))}
    (folder / CARD).write_text(model_card(manifest, flywheel, len(validation.texts)), encoding="utf-8")
    seal(folder, manifest)
    return scores


def require_metric(task: Task, validation: Examples) -> None:
    """Check, before anything is fitted, that the flywheel's metric is defined on validation.

    Raises:
        VolantError: If the metric is undefined on these rows, as ROC-AUC is where a label has none.
    """
    answers = [replace(a, scores=dict.fromkeys(task.labels, 0.5)) for a in validation.gold]
    if task.metric in task.kind.score(validation.gold, answers, task.labels):
        return
    gold = task.kind.tally(validation.gold, validation.gold, task.labels).gold > 0
    counts = gold.sum(axis=0).tolist()
    missing = ", ".join(f"'{label}'" for label, n in zip(task.labels, counts, strict=True) if n in (0, len(gold)))
    others = ", ".join(name for name in task.kind.metrics if name != task.metric)
    raise VolantError(
        f"The metric '{task.metric}' is undefined on the {len(gold)} validation rows: it needs rows with and without "
        f"each label, and one of the two is missing for {missing}. Set `metric` to one of {others}; "
        "or give validation more rows (split.validation)."
    )


def choose(scores: list[float], metric: str) -> int:
    """Return the position of the last, smallest candidate whose score is within the allowed loss.

    Example:
        >>> choose([0.840, 0.837], "macro_f1"), choose([0.840, 0.830], "macro_f1")
        (1, 0)
        >>> choose([0.020, 0.024], "hamming_loss"), choose([0.020, 0.030], "hamming_loss")
        (1, 0)
    """
    sign = gain_sign(metric)
    return max(index for index, score in enumerate(scores) if sign * (score - scores[0]) >= -INT8_LOSS)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that made the bundle."""
    numbers = {"python": platform.python_version()}
    for name in LIBRARIES:
        with suppress(metadata.PackageNotFoundError):
            numbers[name] = metadata.version(name)
    return numbers


def _score(
    folder: Path, candidate: Mapping[str, Any], task: Task, validation: Examples
) -> tuple[dict[str, float], Outputs]:
    outputs = runtime.load(folder, candidate).logits(validation.texts)
    return task.score(outputs, validation), outputs


def _remove_others(folder: Path, fitted: Fitted, chosen: int) -> None:
    needed = fitted.candidates[chosen]["files"]
    for candidate in fitted.candidates:
        for name in candidate["files"]:
            if name not in needed:
                (folder / name).unlink(missing_ok=True)


def _write_golden(
    folder: Path,
    task: Task,
    validation: Examples,
    calibration: Calibration,
    candidate: Mapping[str, Any],
    flywheel: Flywheel,
) -> None:
    """Write a few validation texts, spread over the rows, with the predictions that every later load must reproduce."""
    rows = np.linspace(0, len(validation.texts) - 1, min(GOLDEN_TEXTS, len(validation.texts))).astype(int)
    texts = [str(validation.texts[row]) for row in rows]
    # cleaned again, as the bundle will do: a step may not be idempotent
    model = runtime.load(folder, candidate)
    answers = []
    for text in clean_texts(texts, parse_steps(flywheel.cleaning)):
        probabilities = task.kind.probabilities(model.logits([text]), calibration)
        answers += task.kind.decode(probabilities, task.labels, calibration, [text])
    lines = [_golden_line(text, answer) for text, answer in zip(texts, answers, strict=True)]
    (folder / GOLDEN).write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def _golden_line(text: str, answer: Annotation) -> str:
    scores = {label: round(float(score), 6) for label, score in answer.scores.items()}
    return json.dumps({"text": text, "scores": scores}, ensure_ascii=False)
