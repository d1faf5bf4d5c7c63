"""Rows of every kind, made up: what the tests that visit all kinds read."""

import random
from collections.abc import Callable

import pyarrow as pa

from support.texts import reviews, topics
from volant.kinds import KINDS
from volant.kinds.record import SPANS, TRIPLES

PEOPLE = ("anna", "bert", "clara", "david", "emma", "fritz")
CITIES = ("paris", "rome", "oslo", "lima", "cairo", "delhi")
PATTERNS = ("{p} lives in {c}", "in {c} we met {p} and {q}", "{p} wrote a letter from {c}", "nobody was at home", "{c}")


def mentions(count: int, seed: int = 0) -> pa.Table:
    """Rows of kind entities: people and cities in one to three sentences."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        text = ""
        spans = []
        for _ in range(draw.randrange(1, 4)):
            people = draw.sample(PEOPLE, 2)
            names = {"p": people[0], "q": people[1], "c": draw.choice(CITIES)}
            sentence = f"{draw.choice(PATTERNS).format(**names)} n{draw.randrange(5000)} "
            for name in names.values():
                if name in sentence:
                    start = len(text) + sentence.index(name)
                    label = "city" if name in CITIES else "person"
                    spans.append({"start": start, "end": start + len(name), "label": label})
            text += sentence
        rows.append({"id": f"e{seed}-{number}", "text": text, "spans": spans})
    schema = pa.schema([("id", pa.string()), ("text", pa.string()), ("spans", SPANS)])
    return pa.Table.from_pylist(rows, schema)


def statements(count: int, seed: int = 0) -> pa.Table:
    """Rows of kind triples: who lives where and who knows whom, with people and cities in several facts."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        first, second = draw.sample(PEOPLE, 2)
        city = draw.choice(CITIES)
        lives = (first, "lives in", city)
        knows = (first, "knows", second)
        also = (second, "lives in", city)
        text, held = draw.choice(
            (
                (f"{first} lives in {city}", [lives]),
                (f"{first} knows {second}", [knows]),
                (f"{first} knows {second} and lives in {city}", [knows, lives]),
                (f"{first} and {second} live in {city}", [lives, also]),
                (f"{first} wrote to {second} about {city}", []),
            )
        )
        triples = [{"subject": s, "predicate": p, "object": o} for s, p, o in held]
        rows.append({"id": f"t{seed}-{number}", "text": f"{text} n{draw.randrange(5000)}", "triples": triples})
    schema = pa.schema([("id", pa.string()), ("text", pa.string()), ("triples", TRIPLES)])
    return pa.Table.from_pylist(rows, schema)


def requests(count: int, seed: int = 0) -> pa.Table:
    """Rows of kind understand: to travel or to call, where and whom."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        label, pattern, names = draw.choice(
            [("travel", "book a trip to {}", CITIES), ("call", "please ring {}", PEOPLE), ("stop", "be quiet", [""])]
        )
        name = draw.choice(names)
        text = f"{pattern.format(name)} n{draw.randrange(5000)}"
        slot = "place" if name in CITIES else "whom"
        spans = [{"start": text.index(name), "end": text.index(name) + len(name), "label": slot}] if name else []
        rows.append({"id": f"u{seed}-{number}", "text": text, "label": label, "spans": spans})
    schema = pa.schema([("id", pa.string()), ("text", pa.string()), ("label", pa.string()), ("spans", SPANS)])
    return pa.Table.from_pylist(rows, schema)


ROWS: dict[str, Callable[..., pa.Table]] = {
    "classify": reviews,
    "multilabel": topics,
    "entities": mentions,
    "triples": statements,
    "understand": requests,
}
WHOLE = [name for name, kind in KINDS.items() if kind.head == "text"]  # labels of whole texts
PARTS = [name for name, kind in KINDS.items() if kind.head != "text"]
