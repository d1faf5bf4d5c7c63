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
    """Rows of kind entities: people and cities in a sentence."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        people = draw.sample(PEOPLE, 2)
        names = {"p": people[0], "q": people[1], "c": draw.choice(CITIES)}
        text = f"{draw.choice(PATTERNS).format(**names)} n{draw.randrange(5000)}"
        held = [("city" if name == names["c"] else "person", name) for name in names.values() if name in text]
        spans = [{"start": text.index(n), "end": text.index(n) + len(n), "label": label} for label, n in held]
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


ROWS: dict[str, Callable[..., pa.Table]] = {
    "classify": reviews,
    "multilabel": topics,
    "entities": mentions,
    "triples": statements,
}
WHOLE = [name for name, kind in KINDS.items() if kind.head == "text"]  # labels of whole texts
PARTS = [name for name, kind in KINDS.items() if kind.head != "text"]
