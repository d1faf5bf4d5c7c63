"""Texts made up for the tests: short, with a rule that a small model can learn."""

import random

import pyarrow as pa

GOOD = ["lovely", "brilliant", "charming", "moving", "superb", "delightful"]
BAD = ["dull", "awful", "clumsy", "boring", "dreadful", "tedious"]
THINGS = ["film", "story", "cast", "ending", "score", "script", "plot", "camera", "dialogue", "pace"]


def reviews(count: int, seed: int = 0) -> pa.Table:
    """Rows of kind classify: a review says what it thinks of two things."""
    rng = random.Random(seed)
    rows = []
    for number in range(count):
        label = rng.choice(["fresh", "rotten"])
        words = GOOD if label == "fresh" else BAD
        parts = [f"the {rng.choice(THINGS)} {rng.choice(THINGS)} was {rng.choice(words)}" for _ in range(2)]
        filler = " ".join(f"n{rng.randrange(5000)}" for _ in range(6))
        rows.append(
            {
                "id": f"r{seed}-{number}",
                "text": f"{' and '.join(parts)} {filler}.",
                "label": label,
                "movie": f"m{number % 40}",
            }
        )
    return pa.Table.from_pylist(rows)


def topics(count: int, seed: int = 0) -> pa.Table:
    """Rows of kind multilabel: a label for each thing that is named, `none` is no label."""
    rng = random.Random(seed)
    rows = []
    for number in range(count):
        named = sorted(rng.sample(THINGS[:4], rng.randrange(0, 3)))
        filler = [f"n{rng.randrange(5000)}" for _ in range(6)]
        words = filler + named
        rng.shuffle(words)
        rows.append({"id": f"t{seed}-{number}", "text": " ".join(words), "labels": named})
    return pa.Table.from_pylist(rows)


def opinions(count: int, seed: int = 0) -> pa.Table:
    """Rows of kind classify that more rows make clearer: 400 words each lean to one side, a text holds ten of them."""
    rng = random.Random(seed)
    rows = []
    for number in range(count):
        label = rng.choice(["fresh", "rotten"])
        leaning = [label == "fresh" if rng.random() < 0.68 else label != "fresh" for _ in range(10)]
        words = [f"w{2 * rng.randrange(200) + good}" for good in leaning]
        rows.append({"id": f"o{seed}-{number}", "text": " ".join(words), "label": label})
    return pa.Table.from_pylist(rows)
