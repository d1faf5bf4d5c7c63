"""Training examples per second: Volant's loop beside the plain recipe, on the same rows and machine.

    python bench/training.py [--rows 1600] [--json]

- The plain recipe is `transformers.Trainer` with its defaults: fp32, every row padded to max_length=128, all layers of
  the packaged MiniLM trained.
- Volant's is the model of `make run` without its n-grams: as many layers as `conf/model/reviews-transformer.yaml`
  trains, with one learning rate for all of them. `--trainable all` trains all.
- Both run three epochs on the same reviews (the clean splits that `make run` leaves in data/reviews), with the same
  batch size, and are scored on the same validation rows.
- `ratio` is of wall time, `cpu_ratio` of the process's CPU time, which other work on the machine changes less.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from minilm import unpacked
from volant import config
from volant.bundle.runtime import load
from volant.config.compose import compose
from volant.kinds import KINDS
from volant.models import Examples, Task
from volant.workspace.files import read_table

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as in the stages, before torch is imported; for both sides

LABELS = ("fresh", "rotten")
OPTIONS = {"num_train_epochs": 3, "learning_rate": 5e-5, "train_batch_size": 32}


class Clock:
    """Wall and CPU seconds since its creation."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = time.process_time()

    def seconds(self) -> tuple[float, float]:
        """Return wall and CPU seconds."""
        return time.perf_counter() - self._wall, time.process_time() - self._cpu


def examples(split: str, rows: int) -> Examples:
    """Return a seeded sample of a clean split."""
    table = read_table(Path("data/reviews/clean") / f"{split}.parquet")
    order = np.random.default_rng(0).permutation(len(table))[:rows]
    table = table.take(order)
    kind = KINDS["classify"]
    gold = kind.gold(table)
    return Examples(table["text"].to_pylist(), gold, kind.targets(gold, LABELS))


def ours(train: Examples, validation: Examples, model: dict[str, Any]) -> tuple[tuple[float, float], float]:
    """Return seconds (wall, CPU) and macro-F1 of Volant's loop; the export isn't timed, since the peer has none.

    While training it validates on a few rows only, as the peer doesn't validate at all; both are scored on all.

    Args:
        train: Rows to learn from.
        validation: Rows to score.
        model: Options of the model, as in config.
    """
    from volant.models.neural import export, fitting

    seconds: list[tuple[float, float]] = []

    def timed_export(*parts: Any) -> Any:
        seconds.append(clock.seconds())
        return export.export(*parts)

    fitting.export = timed_export
    few = Examples(validation.texts[:64], validation.gold[:64], validation.targets[:64])
    task = Task(KINDS["classify"], LABELS, "macro_f1", 13)
    with tempfile.TemporaryDirectory() as work:
        clock = Clock()
        fitted = config.build(model, "model").fit(train, few, task, Path(work), Path(work))
        logits = load(Path(work), fitted.candidates[0]).logits(validation.texts)
    return seconds[0], macro_f1(validation, logits)


def plain(train: Examples, validation: Examples) -> tuple[tuple[float, float], float]:
    """Return the same of `transformers.Trainer` as its documentation shows it."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments

    encoder = unpacked()
    tokenizer = AutoTokenizer.from_pretrained(encoder)

    def rows(side: Examples) -> list[dict[str, Any]]:
        encoded = tokenizer(list(side.texts), truncation=True, padding="max_length", max_length=128)
        columns = zip(encoded["input_ids"], encoded["attention_mask"], side.targets, strict=True)
        return [{"input_ids": ids, "attention_mask": mask, "labels": int(label)} for ids, mask, label in columns]

    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=2),
            args=TrainingArguments(
                output_dir=folder,
                num_train_epochs=OPTIONS["num_train_epochs"],
                learning_rate=OPTIONS["learning_rate"],
                per_device_train_batch_size=OPTIONS["train_batch_size"],
                save_strategy="no",
                report_to=[],
                seed=13,
            ),
            train_dataset=rows(train),  # pyright: ignore[reportArgumentType]
        )
        trainer.train()
        seconds = clock.seconds()
        logits: Any = trainer.predict(rows(validation)).predictions  # pyright: ignore[reportArgumentType]
    return seconds, macro_f1(validation, logits)


def macro_f1(validation: Examples, logits: Any) -> float:
    """Return the macro-F1 of logits (N, L)."""
    from sklearn.metrics import f1_score

    return float(f1_score(validation.targets, logits.argmax(axis=1), average="macro"))


def main() -> None:
    """Run both and print the ratios."""
    import yaml

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1600, help="train rows; the plain recipe is slow")
    parser.add_argument("--trainable", type=yaml.safe_load, help="all, or the last N layers; default: as configured")
    parser.add_argument("--fp32", action="store_true", help="no bf16, though the hardware has it")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    overrides = ["model@flywheels.reviews.model=reviews-transformer"]
    model = yaml.safe_load(compose(overrides=overrides))["flywheels"]["reviews"]["model"]
    options = model["training"] | {**OPTIONS, "progress": False, "bf16": None}
    model |= {"linear": None, "layer_decay": 1.0, "training": options}
    if arguments.fp32:
        model["training"]["bf16"] = False
    if arguments.trainable:
        model["trainable"] = arguments.trainable
    train = examples("train", arguments.rows)
    validation = examples("validation", 10_000)
    seconds, score = ours(train, validation, model)
    plain_seconds, plain_score = plain(train, validation)
    count = len(train.texts) * OPTIONS["num_train_epochs"]
    result = {
        "train_rows": len(train.texts),
        "trainable": model["trainable"],
        "volant": {"examples_per_second": round(count / seconds[0], 1), "macro_f1": round(score, 4)},
        "plain": {"examples_per_second": round(count / plain_seconds[0], 1), "macro_f1": round(plain_score, 4)},
        "ratio": round(plain_seconds[0] / seconds[0], 2),
        "cpu_ratio": round(plain_seconds[1] / seconds[1], 2),
        "macro_f1_difference": round(score - plain_score, 4),
    }
    print(json.dumps(result, indent=None if arguments.json else 2))


if __name__ == "__main__":
    main()
