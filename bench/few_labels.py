"""Few labels: macro-F1 of four models and of `model: auto` at 8, 16, 32 and 64 rows a label.

    VOLANT_MIRROR=FOLDER python bench/few_labels.py --out few_labels.jsonl [--sizes 8,16] [--sets snips,reviews]
    python bench/few_labels.py --out few_labels.jsonl --table
    VOLANT_MIRROR=FOLDER python bench/few_labels.py --out choice.jsonl --judge train --seeds 11     # to change `auto`

The rows of a label are drawn from train by the seed; a tenth of them is validation, as in a flywheel. Test rows judge,
and choose nothing: what `auto` itself does was chosen with `--judge train`, by train rows that the draw left over.
`auto` chooses by its own cross-validation; what it then fits is the option that is measured beside it, with the same
rows and seed, so that its answers are taken from there and, where it says so, added to the n-grams'.
Logits are those of fp32, before int8 is chosen. Each result is a line of the file; a run goes on where one stopped.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from volant.bundle.runtime import load
from volant.config.model_choice import model_tree
from volant.kinds import KINDS
from volant.kinds.record import Annotation
from volant.models import Examples, Task
from volant.models.auto import CHEAP, DEAR, Auto
from volant.models.linear import Linear

OPTIONS = (*CHEAP, *DEAR)
EMOTIONS = ("admiration", "amusement", "anger", "curiosity", "gratitude", "love")
JUDGES = {"test": 400, "train": 1500}  # rows that judge
MAX_LENGTH = 64  # tokens: the texts of all three sets are short
Rows = list[tuple[str, str]]


def read(name: str, split: str, columns: tuple[str, str]) -> Rows:
    """Text and label of a mirrored set's split."""
    table = pq.read_table(Path(os.environ["VOLANT_MIRROR"]) / name / f"{split}.parquet", columns=list(columns))
    return list(zip(*(table[column].to_pylist() for column in columns), strict=True))


def snips() -> tuple[Rows, Rows]:
    """Seven intents."""
    return read("snips", "train", ("text", "intent")), read("snips", "test", ("text", "intent"))


def emotions() -> tuple[Rows, Rows]:
    """Six emotions of GoEmotions, of rows that have one label only."""

    def one(split: str) -> Rows:
        rows: Any = read("goemotions", split, ("text", "labels"))
        return [(text, labels[0]) for text, labels in rows if len(labels) == 1 and labels[0] in EMOTIONS]

    return one("train"), one("test")


def tweets() -> tuple[Rows, Rows]:
    """Sentiment140: train, and the validation rows that were drawn at random."""
    return read("sentiment140", "train", ("text", "label")), read("sentiment140", "validation", ("text", "label"))


def reviews() -> tuple[Rows, Rows]:
    """The reviews that `make run` leaves in data/reviews; test is of other movies."""
    tables = [pq.read_table(f"data/reviews/clean/{split}.parquet") for split in ("train", "test")]
    return tuple(list(zip(t["text"].to_pylist(), t["label"].to_pylist(), strict=True)) for t in tables)  # type: ignore[return-value]


SETS: dict[str, Callable[[], tuple[Rows, Rows]]] = {
    "snips": snips,
    "emotions": emotions,
    "tweets": tweets,
    "reviews": reviews,
}
load_set = cache(lambda name: SETS[name]())


def draw(rows: Rows, size: int, seed: int) -> Rows:
    """`size` rows of each label, those of a label beside each other."""
    generator = np.random.default_rng(seed)
    drawn = []
    for label in sorted({label for _, label in rows}):
        own = [row for row in rows if row[1] == label]
        drawn += [own[k] for k in generator.permutation(len(own))[:size]]
    return drawn


def left_over(rows: Rows, drawn: Rows) -> Rows:
    """The rows whose text was not drawn."""
    texts = {text for text, _ in drawn}
    return [row for row in rows if row[0] not in texts]


def examples(rows: Rows, labels: tuple[str, ...]) -> Examples:
    """Rows as a model takes them."""
    gold = [Annotation(label=label) for _, label in rows]
    return Examples([text for text, _ in rows], gold, KINDS["classify"].targets(gold, labels))


def auto() -> Auto:
    """`conf/model/auto.yaml`, for short texts."""
    tree = {key: value for key, value in model_tree(Path(), "auto").items() if key != "_target_"}
    for option in ("frozen", *DEAR):
        tree[option] |= {"max_length": MAX_LENGTH, "training": {**tree[option]["training"], "progress": False}}
    return Auto(**tree)


def answers(model: Any, train: Examples, validation: Examples, test: Examples, task: Task) -> np.ndarray:
    """Logits of the test rows by a model that is fitted on train; an encoder's before it is exported."""
    from volant.models.neural import fitting
    from volant.models.neural.sides import read_side

    with TemporaryDirectory() as name:
        folder = Path(name)
        if isinstance(model, Linear):
            return load(folder, model.fit(train, validation, task, folder, folder).candidates[0]).logits(test.texts)
        parts = model.composition()
        sides = read_side(parts.reader, train, task), read_side(parts.reader, validation, task)
        net, *_ = fitting.learn(parts, sides, task, model.training, folder)
        return fitting.predict_logits(net, parts.reader.ids(test.texts))


def measure(name: str, size: int, seed: int, judge: str = "test") -> dict[str, Any]:
    """One line: macro-F1 and seconds of each option and of auto."""
    train_rows, test_rows = load_set(name)
    labels = tuple(sorted({label for _, label in train_rows}))
    drawn = draw(train_rows, size, seed)
    pool = test_rows if judge == "test" else left_over(train_rows, drawn)
    kept = [pool[k] for k in np.random.default_rng(0).permutation(len(pool))[: JUDGES[judge]]]
    train, validation, test = (
        examples(rows, labels)
        for rows in ([row for k, row in enumerate(drawn) if k % 10], drawn[::10], [r for r in kept if r[1] in labels])
    )
    task, model = Task(KINDS["classify"], labels, "macro_f1", seed), auto()
    logits, seconds = {}, {}
    for option in OPTIONS:
        start = time.process_time()
        logits[option] = answers(model.models[option], train, validation, test, task)
        seconds[option] = round(time.process_time() - start, 1)
    start = time.process_time()
    choice = model.choose(train, task)
    seconds["choice"] = round(time.process_time() - start, 1)
    chosen = logits[choice["option"]]
    if "weights" in choice:
        chosen = choice["weights"][0] * chosen + choice["weights"][1] * logits["linear"]
    scores = {option: score(found, test, task) for option, found in (*logits.items(), ("auto", chosen))}
    line = {"set": name, "size": size, "seed": seed, "scores": scores, "cpu_seconds": seconds, "choice": choice}
    return {**line, "train": len(train.texts), "test": len(test.texts)}


def score(logits: np.ndarray, test: Examples, task: Task) -> float:
    """Macro-F1 of the most probable labels."""
    said = [Annotation(label=task.labels[k]) for k in logits.argmax(axis=1)]
    return round(task.kind.score(test.gold, said, task.labels)["macro_f1"], 4)


def lines(out: Path) -> Iterator[dict[str, Any]]:
    """The results that there are."""
    if out.exists():
        yield from map(json.loads, out.read_text(encoding="utf-8").splitlines())


def table(out: Path) -> str:
    """The results as Markdown, a row for each set and size, the mean of its seeds."""
    found = pa.Table.from_pylist([{"set": x["set"], "size": x["size"], **x["scores"]} for x in lines(out)])
    rows = [
        "| set | rows a label | seeds | " + " | ".join(OPTIONS) + " | auto | auto - best |",
        "| :-- |" + " --: |" * 8,
    ]
    for name, size in dict.fromkeys(zip(found["set"].to_pylist(), found["size"].to_pylist(), strict=True)):
        own = [x["scores"] for x in lines(out) if (x["set"], x["size"]) == (name, size)]
        means = {option: float(np.mean([scores[option] for scores in own])) for option in (*OPTIONS, "auto")}
        behind = means["auto"] - max(means[option] for option in OPTIONS)
        figures = " | ".join(f"{value:.3f}" for value in means.values())
        rows.append(f"| {name} | {size} | {len(own)} | {figures} | {behind:+.3f} |")
    return "\n".join(rows)


def main() -> None:
    """Measure what is missing, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="JSON Lines; results are added to it")
    parser.add_argument("--sets", default="snips,emotions,tweets", help=f"of {', '.join(SETS)}")
    parser.add_argument("--sizes", default="8,16,32,64", help="rows a label")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--judge", choices=JUDGES, default="test", help="rows that judge; train: those left over")
    parser.add_argument("--table", action="store_true", help="print what is there, and measure nothing")
    given = parser.parse_args()
    if given.table:
        print(table(given.out))
        return
    done = {(line["set"], line["size"], line["seed"]) for line in lines(given.out)}
    for seed in map(int, given.seeds.split(",")):
        for size in map(int, given.sizes.split(",")):
            for name in given.sets.split(","):
                if (name, size, seed) not in done:
                    with given.out.open("a", encoding="utf-8") as stream:
                        stream.write(json.dumps(measure(name, size, seed, given.judge)) + "\n")
    print(table(given.out))


if __name__ == "__main__":
    main()
