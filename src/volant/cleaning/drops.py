"""The drop steps, which remove rows of a split before training. They never run at prediction.

No row of test is dropped, except for empty texts: the published test set stays the one for evaluation.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from volant.errors import VolantError

# Split → splits whose texts it must not have; test is last, and loses none.
HELD_OUT = {"train": ("validation", "test"), "validation": ("test",)}


@dataclass(frozen=True, slots=True)
class Rows:
    """A split for drop steps: cleaned texts, and the gold of each row as a comparable value."""

    texts: Sequence[str]
    targets: Sequence[Hashable]


@dataclass(frozen=True, slots=True)
class DropStep:
    """A named rule that selects rows to drop.

    Attributes:
        name: Name in the registry and in reports.
        choose: Function from a split's name and all splits to the row numbers to drop, by reason.
    """

    name: str
    choose: Callable[[str, Mapping[str, Rows]], dict[str, list[int]]]


def drop_empty() -> DropStep:
    """Drop rows without text, also of test, as nothing can be predicted from them.

    Example:
        >>> drop_empty().choose("train", {"train": Rows(["a", " "], ["x", "x"])})
        {'empty': [1]}
    """

    def choose(split: str, splits: Mapping[str, Rows]) -> dict[str, list[int]]:
        return {"empty": [at for at, text in enumerate(splits[split].texts) if not text.strip()]}

    return DropStep("drop_empty", choose)


def drop_duplicates() -> DropStep:
    """Keep one row of each text, the first with the most frequent target of its rows; on a tie, none.

    `duplicate` counts rows that repeat the remaining one, `conflicting` those that contradict it or one another.

    Example:
        >>> rows = Rows(["a", "a", "a", "b", "b"], ["x", "y", "x", "x", "y"])
        >>> drop_duplicates().choose("train", {"train": rows})
        {'duplicate': [2], 'conflicting': [1, 3, 4]}
    """

    def choose(split: str, splits: Mapping[str, Rows]) -> dict[str, list[int]]:
        dropped: dict[str, list[int]] = {"duplicate": [], "conflicting": []}
        if split == "test":
            return dropped
        groups: defaultdict[str, list[int]] = defaultdict(list)
        for at, text in enumerate(splits[split].texts):
            groups[text].append(at)
        targets = splits[split].targets
        for group in groups.values():
            if len(group) > 1:
                majority = _majority(group, targets)
                dropped["duplicate"] += majority[1:]
                dropped["conflicting"] += [at for at in group if at not in set(majority)]
        return {reason: sorted(rows) for reason, rows in dropped.items()}

    return DropStep("drop_duplicates", choose)


def drop_long(max_chars: int) -> DropStep:
    """Drop rows of train and validation whose text is longer than `max_chars` characters.

    Raises:
        VolantError: If `max_chars` is below 1.

    Example:
        >>> drop_long(3).choose("train", {"train": Rows(["abc", "abcd"], ["x", "x"])})
        {'long': [1]}
    """
    if max_chars < 1:
        raise VolantError(f"cleaning: drop_long: max_chars is {max_chars}. Give a number of characters above 0.")

    def choose(split: str, splits: Mapping[str, Rows]) -> dict[str, list[int]]:
        texts = [] if split == "test" else splits[split].texts
        return {"long": [at for at, text in enumerate(texts) if len(text) > max_chars]}

    return DropStep("drop_long", choose)


def drop_leaks() -> DropStep:
    """Drop rows of train whose text is also in validation or test, and rows of validation whose text is also in test.

    Example:
        >>> splits = {"train": Rows(["a", "b"], ["x", "x"]), "test": Rows(["b"], ["x"])}
        >>> drop_leaks().choose("train", splits), drop_leaks().choose("test", splits)
        ({'leak': [1]}, {'leak': []})
    """

    def choose(split: str, splits: Mapping[str, Rows]) -> dict[str, list[int]]:
        others = [splits[name].texts for name in HELD_OUT.get(split, ()) if name in splits]
        held_out = set(chain.from_iterable(others))
        return {"leak": [at for at, text in enumerate(splits[split].texts) if text in held_out]}

    return DropStep("drop_leaks", choose)


def _majority(group: list[int], targets: Sequence[Hashable]) -> list[int]:
    ranked = Counter(targets[at] for at in group).most_common(2)
    if len(ranked) > 1 and ranked[0][1] == ranked[1][1]:
        return []
    return [at for at in group if targets[at] == ranked[0][0]]
