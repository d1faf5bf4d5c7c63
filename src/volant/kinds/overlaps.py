"""Scores of facts by what makes them hard: their number in a text, and parts that several of them have.

Source of the overlaps: Zeng et al. 2018, https://aclanthology.org/P18-1047
"""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from volant.kinds.record import Annotation, Triple

MANY = 5  # number of facts from which texts are counted together
OVERLAPS = ("normal", "shared part", "shared pair")
Counts = tuple[int, int, int]  # right, predicted, gold
Pair = tuple[Sequence[Triple], Sequence[Triple]]  # gold and predicted facts of a text


def analysis(
    gold: Sequence[Annotation], predicted: Sequence[Annotation], labels: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    """Return tables of precision, recall and F1, each a list of rows.

    Args:
        gold: Gold annotation of each row.
        predicted: Predicted annotation of each row.
        labels: The predicates.

    Example:
        >>> row = Annotation(triples=(Triple("Ann", "home", "Oslo"),))
        >>> analysis([row], [row], ["home"])["by_overlap"][0]["f1"]
        1.0
    """
    rows = [(one.triples, other.triples) for one, other in zip(gold, predicted, strict=True)]
    texts = {
        "by_number": _groups(rows, _sizes(), number),
        "by_overlap": _groups(rows, OVERLAPS, overlap),
    }
    tables = {
        "match": [{"match": name, **_rates(_counts(rows, key))} for name, key in KEYS.items()],
        "by_predicate": _by_predicate(rows, labels),
    }
    for name, groups in texts.items():
        head = name.removeprefix("by_")
        tables[name] = [{head: key, "texts": len(own), **_rates(_counts(own, exact))} for key, own in groups if own]
    return tables


def _groups(
    rows: Sequence[Pair], names: Sequence[str], name_of: Callable[[Sequence[Triple]], str]
) -> list[tuple[str, list[Pair]]]:
    groups: dict[str, list[Pair]] = {name: [] for name in names}
    for row in rows:
        groups[name_of(row[0])].append(row)
    return list(groups.items())


def overlap(triples: Sequence[Triple]) -> str:
    """Return how the facts of a text overlap: two with the same pair of parts, with one part in common, or not at all.

    Example:
        >>> overlap([Triple("Ann", "home", "Oslo"), Triple("Ann", "born in", "Oslo")])
        'shared pair'
    """
    pairs = {frozenset((triple.subject, triple.object)) for triple in triples}
    if len(pairs) < len(set(triples)):
        return OVERLAPS[2]
    parts = Counter(part for pair in pairs for part in pair)
    return OVERLAPS[1] if max(parts.values(), default=0) > 1 else OVERLAPS[0]


def number(triples: Sequence[Triple]) -> str:
    """Return the number of facts, as a text; large numbers are one."""
    count = len(set(triples))
    return f"{MANY}+" if count >= MANY else str(count)


def exact(triple: Triple) -> Hashable:
    """Return what must be right of a fact: all of it."""
    return triple


def ends(triple: Triple) -> Hashable:
    """Return what must be right of a fact in a partial match: predicate, and the last word of either part."""
    return _last(triple.subject), triple.predicate, _last(triple.object)


def parts_only(triple: Triple) -> Hashable:
    """Return the two parts of a fact, without its predicate."""
    return triple.subject, triple.object


KEYS: Mapping[str, Callable[[Triple], Hashable]] = {"exact": exact, "last words": ends, "parts": parts_only}


def _sizes() -> list[str]:
    return [*map(str, range(MANY)), f"{MANY}+"]


def _last(part: str) -> str:
    return "".join(part.split()[-1:])


def _by_predicate(rows: Sequence[Pair], labels: Sequence[str]) -> list[Any]:
    counts = {label: [0, 0, 0] for label in labels}
    for held, given in rows:
        for k, triples in enumerate((set(held) & set(given), set(given), set(held))):
            for triple in triples:
                counts[triple.predicate][k] += 1
    return [{"predicate": label, **_rates((own[0], own[1], own[2]))} for label, own in counts.items() if any(own)]


def _counts(rows: Sequence[Pair], key: Callable[[Triple], Hashable]) -> Counts:
    sums = [0, 0, 0]
    for held, given in rows:
        own = set(map(key, held))
        answers = set(map(key, given))
        for k, some in enumerate((own & answers, answers, own)):
            sums[k] += len(some)
    return sums[0], sums[1], sums[2]


def _rates(counts: Counts) -> dict[str, Any]:
    right, predicted, gold = counts
    shares = {
        "precision": right / predicted if predicted else 0.0,
        "recall": right / gold if gold else 0.0,
        "f1": 2 * right / (predicted + gold) if predicted + gold else 0.0,
    }
    return {"facts": gold, "predicted": predicted, **{name: round(share, 6) for name, share in shares.items()}}
