"""The drop steps: which rows of a split leave a training run. They never run at prediction.

No row of test is dropped, but for empty texts: what is measured stays what was published.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from volant.errors import VolantError

# A split whose texts another one holds as well loses them; test is last, and loses none.
KEPT_FROM = {"train": ("validation", "test"), "validation": ("test",)}


@dataclass(frozen=True, slots=True)
class Rows:
    """A split as drop steps see it: cleaned texts, and what each row says of its text (comparable)."""

    texts: Sequence[str]
    targets: Sequence[Hashable]


@dataclass(frozen=True, slots=True)
class DropStep:
    """A named choice of rows to drop.

    Attributes:
        name: The name in the registry and in reports.
        choose: Given a split's name and all splits, the row numbers to drop, by reason.
    """

    name: str
    choose: Callable[[str, Mapping[str, Rows]], dict[str, list[int]]]


def drop_empty() -> DropStep:
    """Drop rows without text, of test too: nobody can say what they are.

    Example:
        >>> drop_empty().choose("train", {"train": Rows(["a", " "], ["x", "x"])})
        {'empty': [1]}
    """

    def choose(split: str, splits: Mapping[str, Rows]) -> dict[str, list[int]]:
        return {"empty": [at for at, text in enumerate(splits[split].texts) if not text.strip()]}

    return DropStep("drop_empty", choose)


def drop_duplicates() -> DropStep:
    """Keep one row of each text, the first with the target that most of its rows carry; without a most, none.

    `duplicate` counts rows that repeat the kept one, `conflicting` those that contradict it or one another.

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
                same = _majority(group, targets)
                dropped["duplicate"] += same[1:]
                dropped["conflicting"] += [at for at in group if at not in set(same)]
        return {reason: sorted(rows) for reason, rows in dropped.items()}

    return DropStep("drop_duplicates", choose)


def drop_long(max_chars: int) -> DropStep:
    """Drop rows of train and validation whose text is longer than `max_chars` characters.

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
    """Drop rows of train whose text validation or test holds as well, and rows of validation that test holds.

    Example:
        >>> splits = {"train": Rows(["a", "b"], ["x", "x"]), "test": Rows(["b"], ["x"])}
        >>> drop_leaks().choose("train", splits), drop_leaks().choose("test", splits)
        ({'leak': [1]}, {'leak': []})
    """

    def choose(split: str, splits: Mapping[str, Rows]) -> dict[str, list[int]]:
        others = [splits[name].texts for name in KEPT_FROM.get(split, ()) if name in splits]
        seen = set(chain.from_iterable(others))
        return {"leak": [at for at, text in enumerate(splits[split].texts) if text in seen]}

    return DropStep("drop_leaks", choose)


def _majority(group: list[int], targets: Sequence[Hashable]) -> list[int]:
    ranked = Counter(targets[at] for at in group).most_common(2)
    if len(ranked) > 1 and ranked[0][1] == ranked[1][1]:
        return []
    return [at for at in group if targets[at] == ranked[0][0]]
