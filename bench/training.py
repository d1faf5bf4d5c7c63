"""Training examples a second: Volant's loop beside the plain recipe, on the same model, rows and machine.

    python bench/training.py [--rows 1600] [--json]

The plain recipe is `transformers.Trainer` with its defaults: fp32, every row padded to max_length=128. Both fine-tune
all of the packaged MiniLM for three epochs on the same reviews (the clean splits that `make run` leaves in
data/reviews), with one and the same learning rate for all layers and the same batch size, and are scored on the same
validation rows.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from volant import config
from volant.bundle.runtime import load
from volant.config.compose import compose
from volant.kinds import KINDS
from volant.models import Examples, Task
from volant.workspace.files import read_table

LABELS = ("fresh", "rotten")
OPTIONS = {"num_train_epochs": 3, "learning_rate": 5e-5, "train_batch_size": 32}


def examples(split: str, rows: int) -> Examples:
    """A seeded sample of a clean split."""
    table = read_table(Path("data/reviews/clean") / f"{split}.parquet")
    order = np.random.default_rng(0).permutation(len(table))[:rows]
    table = table.take(order)
    kind = KINDS["classify"]
    gold = kind.gold(table)
    return Examples(table["text"].to_pylist(), gold, kind.targets(gold, LABELS))


def ours(train: Examples, validation: Examples, model: dict[str, Any]) -> tuple[float, float]:
    """Examples a second and macro-F1 of Volant's loop; the export isn't timed, since the peer has none.

    While training it validates on a few rows only, as the peer doesn't validate at all; both are scored on all.
    """
    from sklearn.metrics import f1_score

    from volant.models.neural import export, fitting

    seconds: list[float] = []

    def timed_export(*parts: Any) -> Any:
        seconds.append(time.perf_counter() - start)
        return export.export(*parts)

    fitting.export = timed_export
    few = Examples(validation.texts[:64], validation.gold[:64], validation.targets[:64])
    task = Task(KINDS["classify"], LABELS, "macro_f1", 13)
    with tempfile.TemporaryDirectory() as work:
        start = time.perf_counter()
        fitted = config.build(model, "model").fit(train, few, task, Path(work), Path(work))
        logits = load(Path(work), fitted.candidates[0]).logits(validation.texts)
    score = float(f1_score(validation.targets, logits.argmax(axis=1), average="macro"))
    return len(train.texts) * OPTIONS["num_train_epochs"] / seconds[0], score


def plain(train: Examples, validation: Examples) -> tuple[float, float]:
    """The same of `transformers.Trainer` as its documentation shows it."""
    from sklearn.metrics import f1_score
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments

    from volant.models.fine_tuning import packaged_minilm

    tokenizer = AutoTokenizer.from_pretrained(packaged_minilm())

    def rows(given: Examples) -> list[dict[str, Any]]:
        encoded = tokenizer(list(given.texts), truncation=True, padding="max_length", max_length=128)
        names = ("input_ids", "attention_mask")
        return [{**{n: encoded[n][i] for n in names}, "labels": int(label)} for i, label in enumerate(given.targets)]

    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=AutoModelForSequenceClassification.from_pretrained(packaged_minilm(), num_labels=2),
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
        seconds = time.perf_counter() - start
        logits: Any = trainer.predict(rows(validation)).predictions  # pyright: ignore[reportArgumentType]
    score = float(f1_score(validation.targets, logits.argmax(axis=1), average="macro"))
    return len(train.texts) * OPTIONS["num_train_epochs"] / seconds, score


def main() -> None:
    """Run both and print the ratio."""
    import yaml

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1600, help="train rows; the plain recipe is slow")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    overrides = ["model@flywheels.reviews.model=transformer"]
    model = yaml.safe_load(compose(overrides=overrides))["flywheels"]["reviews"]["model"]
    model |= {"layer_decay": 1.0, "training": model["training"] | {**OPTIONS, "progress": False}}
    train, validation = examples("train", arguments.rows), examples("validation", 10_000)
    speed, score = ours(train, validation, model)
    plain_speed, plain_score = plain(train, validation)
    found = {
        "train_rows": len(train.texts),
        "volant": {"examples_per_second": round(speed, 1), "macro_f1": round(score, 4)},
        "plain": {"examples_per_second": round(plain_speed, 1), "macro_f1": round(plain_score, 4)},
        "ratio": round(speed / plain_speed, 2),
        "macro_f1_difference": round(score - plain_score, 4),
    }
    print(json.dumps(found, indent=None if arguments.json else 2))


if __name__ == "__main__":
    main()
