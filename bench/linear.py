"""Family `linear` compared with scikit-learn, in one run: CPU seconds to fit and predict, macro-F1 and log loss.

    VOLANT_MIRROR=FOLDER python bench/linear.py [--sets snips,emotions,imdb,goemotions,reviews] [--repeats 3] [--json]

Four models are fitted on the same rows, in turn, several times; medians are reported:

- `volant`: `conf/model/linear.yaml`, words, pairs of words and 3 to 5 characters; imdb: `linear-words.yaml`.
- `same`: `TfidfVectorizer` with the same n-grams, `LogisticRegression` with the same C and weights, its own solver.
- `plain`: both at their defaults, which use single words only.
- `words`: Volant with single words only.

Validation rows fit the temperature; test rows are only used for the scores. The exit code is 1 if `same` is less than
three times as slow, or has a higher macro-F1. `reviews` are the clean splits that `make run` leaves in data/reviews.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import FeatureUnion

from few_labels import EMOTIONS
from volant import config
from volant.bundle.runtime import load
from volant.config.model_choice import model_tree
from volant.kinds import KINDS
from volant.models import Examples, Task
from volant.models.folds import pick
from volant.models.tfidf import TOKEN, Linear

TARGET = 3
SPLITS = ("train", "validation", "test")
SETS = ("snips", "emotions", "imdb", "goemotions", "reviews")
TINY = 1e-12
Rows = tuple[list[str], list[Any]]
Fit = Callable[[Examples, Examples, Task], Callable[[list[str]], np.ndarray]]


def read(name: str) -> tuple[str, dict[str, Rows]]:
    """Return the kind of a set, and the texts and gold of its splits."""
    if name == "reviews":
        return "classify", {split: _columns(Path("data/reviews/clean"), split, "label") for split in SPLITS}
    mirror = Path(os.environ["VOLANT_MIRROR"])
    if name == "imdb":  # every tenth train row is validation
        texts, labels = _columns(mirror / "imdb", "train", "label")
        rest = np.flatnonzero(np.arange(len(texts)) % 10).tolist()
        return "classify", {
            "train": ([texts[k] for k in rest], [labels[k] for k in rest]),
            "validation": (texts[::10], labels[::10]),
            "test": _columns(mirror / "imdb", "test", "label"),
        }
    if name == "snips":
        return "classify", {split: _columns(mirror / "snips", split, "intent") for split in SPLITS}
    rows = {split: _columns(mirror / "goemotions", split, "labels") for split in SPLITS}
    return ("multilabel", rows) if name == "goemotions" else ("classify", {k: _single(*v) for k, v in rows.items()})


def _columns(folder: Path, split: str, gold: str) -> Rows:
    table = pq.read_table(folder / f"{split}.parquet", columns=["text", gold])
    return table["text"].to_pylist(), table[gold].to_pylist()


def _single(texts: list[str], gold: list[list[str]]) -> Rows:
    """Return the rows of six emotions that have one label only."""
    rows = [(text, labels[0]) for text, labels in zip(texts, gold, strict=True) if len(labels) == 1]
    rows = [row for row in rows if row[1] in EMOTIONS]
    return [text for text, _ in rows], [label for _, label in rows]


def examples(kind: str, rows: dict[str, Rows]) -> tuple[Task, dict[str, Examples]]:
    """Return the task, and the rows of each split as input of a model."""
    labelling = KINDS[kind]
    gold = {split: labelling.gold(pa.table({labelling.columns[0]: values})) for split, (_, values) in rows.items()}
    labels = tuple(sorted(labelling.count(gold["train"])))
    task = Task(labelling, labels, "macro_f1", 13)
    return task, {s: Examples(rows[s][0], gold[s], labelling.targets(gold[s], labels)) for s in rows}


def volant(model: Linear) -> Fit:
    """Return a function that fits a model of family linear, and loads its files as a bundle does."""

    def fit(train: Examples, validation: Examples, task: Task) -> Callable[[list[str]], np.ndarray]:
        with TemporaryDirectory() as name:
            fitted = model.fit(train, validation, task, Path(name), Path(name))
            runtime: Any = load(Path(name), fitted.candidates[0])
            return runtime.logits

    return fit


def peer(model: Linear | None) -> Fit:
    """Return a function that fits scikit-learn's models, with the options of a model or with their defaults."""

    def fit(train: Examples, validation: Examples, task: Task) -> Callable[[list[str]], np.ndarray]:  # noqa: ARG001
        vectorizer = _vectorizer(model) if model else TfidfVectorizer()
        options: dict[str, Any] = {}
        if model:
            options = {"C": model.c, "class_weight": "balanced" if model.class_weights else None, "max_iter": 1000}
        classifier: Any = LogisticRegression(**options)
        classifier = OneVsRestClassifier(classifier) if task.kind.name == "multilabel" else classifier
        classifier.fit(vectorizer.fit_transform(train.texts), train.targets)

        def logits(texts: list[str]) -> np.ndarray:
            values = classifier.decision_function(vectorizer.transform(texts))
            return np.stack([np.zeros_like(values), values], axis=1) if values.ndim == 1 else values

        return logits

    return fit


def _vectorizer(model: Linear) -> FeatureUnion:
    common: dict[str, Any] = {"min_df": model.min_df, "sublinear_tf": model.sublinear_tf, "dtype": np.float32}
    types = {"word": (model.word_ngrams, TOKEN), "char_wb": (model.char_ngrams, None)}
    return FeatureUnion(
        [
            (name, TfidfVectorizer(analyzer=name, ngram_range=lengths, token_pattern=token, **common))
            for name, (lengths, token) in types.items()
            if lengths
        ]
    )


def score(task: Task, rows: dict[str, Examples], logits: Callable[[list[str]], np.ndarray]) -> dict[str, float]:
    """Return macro-F1 and log loss of the test rows, calibrated on validation.

    Args:
        task: Kind, labels, metric, seed.
        rows: Rows of each split.
        logits: Function that returns the logits (N, L) of texts (N).
    """
    kind = task.kind
    test = rows["test"]
    outputs = np.asarray(logits(list(rows["validation"].texts)), dtype=np.float32)
    calibration = kind.calibrate(outputs, rows["validation"].targets, task.metric)
    likely = kind.probabilities(np.asarray(logits(list(test.texts)), dtype=np.float32), calibration)
    macro_f1 = kind.score(test.gold, kind.decode(likely, task.labels, calibration), task.labels)["macro_f1"]
    gold = test.targets if test.targets.ndim == 2 else np.eye(len(task.labels))[test.targets]
    exclusive = test.targets.ndim == 1
    loss = -(gold * np.log(likely + TINY) + (0 if exclusive else (1 - gold) * np.log(1 - likely + TINY)))
    return {"macro_f1": round(macro_f1, 4), "log_loss": round(float(loss.sum(axis=1).mean()), 4)}


def measure(name: str, repeats: int) -> dict[str, Any]:
    """Return the CPU seconds and scores of every model on a set."""
    kind, raw = read(name)
    task, rows = examples(kind, raw)
    option = "linear-words" if name == "imdb" else "linear"
    model: Linear = config.build(model_tree(Path(), option), option)
    words = Linear(word_ngrams=(1, 1), sublinear_tf=False)
    fits = {"volant": volant(model), "same": peer(model), "words": volant(words), "plain": peer(None)}
    seconds: dict[str, list[float]] = {option: [] for option in fits}
    scores = {}
    few = {split: pick(side, np.arange(0, len(side.texts), 20)) for split, side in rows.items()}
    for fit in fits.values():  # warm up: imports are not measured
        fit(few["train"], few["validation"], task)
    for _ in range(repeats):
        for option, fit in fits.items():
            start = time.process_time()
            logits = fit(rows["train"], few["validation"], task)  # few, as scoring validation is not measured
            logits(list(rows["test"].texts))
            seconds[option].append(time.process_time() - start)
            scores[option] = score(task, rows, logits)
    figures = {
        option: {"cpu_seconds": round(statistics.median(seconds[option]), 2), **scores[option]} for option in fits
    }
    ratios = {
        f"{theirs} / {ours}": round(statistics.median(np.array(seconds[theirs]) / seconds[ours]), 2)
        for ours, theirs in (("volant", "same"), ("words", "plain"), ("volant", "plain"))
    }
    sizes = {split: len(rows[split].texts) for split in SPLITS}
    return {"set": name, "rows": sizes, "labels": len(task.labels), "models": figures, "ratios": ratios}


def show(line: dict[str, Any]) -> None:
    """Print the figures of a set."""
    rows = ", ".join(f"{split} {count:,}" for split, count in line["rows"].items())
    print(f"{line['set']}: {line['labels']} labels, {rows}")
    for option, figures in line["models"].items():
        quality = f"macro-F1 {figures['macro_f1']:.4f}  log loss {figures['log_loss']:.4f}"
        print(f"  {option:7} {figures['cpu_seconds']:8.2f} s  {quality}")
    print("  " + ", ".join(f"{name}: {ratio}" for name, ratio in line["ratios"].items()))


def main() -> None:
    """Measure the sets, and exit with 1 if one misses the target."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default="snips,emotions", help=f"some of {', '.join(SETS)}")
    parser.add_argument("--repeats", type=int, default=3, help="number of fits of each model, interleaved")
    parser.add_argument("--json", action="store_true", help="print JSON only, one line per set")
    options = parser.parse_args()
    missed = False
    for name in options.sets.split(","):
        line = measure(name, options.repeats)
        if options.json:
            print(json.dumps(line), flush=True)
        else:
            show(line)
        ours = line["models"]["volant"]
        theirs = line["models"]["same"]
        missed |= line["ratios"]["same / volant"] < TARGET or ours["macro_f1"] < theirs["macro_f1"]
    sys.exit(missed)


if __name__ == "__main__":
    main()
