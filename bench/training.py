"""Training examples per second: Volant's loop compared with the default recipe, on the same model, rows and machine.

    python bench/training.py [--rows 1600] [--json]

The default recipe is `transformers.Trainer` with its defaults: fp32, every row padded to max_length=128. Both fine-tune
all of the packaged MiniLM for three epochs on the same reviews (the clean splits that `make run` leaves in
data/reviews), with the same batch size and the same learning rate for all layers, and are scored on the same validation
rows.
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
    """Return a seeded sample of a clean split."""
    table = read_table(Path("data/reviews/clean") / f"{split}.parquet")
    order = np.random.default_rng(0).permutation(len(table))[:rows]
    table = table.take(order)
    kind = KINDS["classify"]
    gold = kind.gold(table)
    return Examples(table["text"].to_pylist(), gold, kind.targets(gold, LABELS))


def ours(train: Examples, validation: Examples, model: dict[str, Any]) -> tuple[float, float]:
    """Return examples per second and macro-F1 of Volant's loop; the export isn't timed, since the peer has none.

    During training it validates on a few rows only, as the peer doesn't validate at all; both are scored on all.

    Args:
        train: Train rows.
        validation: Validation rows.
        model: Config of the model.
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
    """Return examples per second and macro-F1 of `transformers.Trainer` as its documentation shows it."""
    from sklearn.metrics import f1_score
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments

    from volant.models.transformer import packaged_minilm

    tokenizer = AutoTokenizer.from_pretrained(packaged_minilm())

    def rows(examples: Examples) -> list[dict[str, Any]]:
        encoded = tokenizer(list(examples.texts), truncation=True, padding="max_length", max_length=128)
        columns = zip(encoded["input_ids"], encoded["attention_mask"], examples.targets.tolist(), strict=True)
        return [dict(zip(("input_ids", "attention_mask", "labels"), row, strict=True)) for row in columns]

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
    parser.add_argument("--rows", type=int, default=1600, help="number of train rows; the default recipe is slow")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    overrides = ["model@flywheels.reviews.model=transformer"]
    model = yaml.safe_load(compose(overrides=overrides))["flywheels"]["reviews"]["model"]
    model |= {"layer_decay": 1.0, "training": model["training"] | {**OPTIONS, "progress": False}}
    train = examples("train", arguments.rows)
    validation = examples("validation", 10_000)
    speed, score = ours(train, validation, model)
    plain_speed, plain_score = plain(train, validation)
    figures = {
        "train_rows": len(train.texts),
        "volant": {"examples_per_second": round(speed, 1), "macro_f1": round(score, 4)},
        "plain": {"examples_per_second": round(plain_speed, 1), "macro_f1": round(plain_score, 4)},
        "ratio": round(speed / plain_speed, 2),
        "macro_f1_difference": round(score - plain_score, 4),
    }
    print(json.dumps(figures, indent=None if arguments.json else 2))


if __name__ == "__main__":
    main()
