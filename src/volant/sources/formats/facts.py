"""Facts of a text, each a subject, a predicate and an object: as sets and tools write them.

Sources: https://github.com/PaddlePaddle/PaddleNLP/tree/develop/examples/information_extraction/DuIE (spo_list),
https://github.com/weizhepei/CasRel (triple_list), https://github.com/yubowen-ph/JointER (relationMentions)
"""

from collections.abc import Mapping, Sequence
from typing import Any

SUBJECTS = ("subject", "subj", "head", "h", "em1Text")
PREDICATES = ("predicate", "relation", "rel", "r", "label", "type")
OBJECTS = ("object", "obj", "tail", "t", "em2Text")
VALUES = ("@value", "text", "name", "value")
# keys under which a list of three texts is a fact; elsewhere it may be anything
KEYS = frozenset(("triples", "triple_list", "triplets", "spo_list", "relations", "facts"))
SIZE = 3
SHOWN = 60
Fact = dict[str, str]


def facts_of(cell: object) -> list[Fact]:
    """Return the facts of a cell, without repetitions; none for an empty cell.

    DuIE 2.0 has an object of several parts: its `@value` counts.

    Args:
        cell: List of objects with a subject, a predicate and an object, or of lists of the three.

    Raises:
        ValueError: If it is something else.

    Example:
        >>> facts_of([["Rome", "capitalOf", "Italy"]])
        [{'subject': 'Rome', 'predicate': 'capitalOf', 'object': 'Italy'}]
        >>> facts_of([{"predicate": "票房", "subject": "战狼", "object": {"@value": "57亿", "inArea": "中国"}}])
        [{'subject': '战狼', 'predicate': '票房', 'object': '57亿'}]
    """
    if not isinstance(cell, list | tuple | None):
        raise ValueError(f"{type(cell).__name__} in place of a list of facts")
    result: list[Fact] = []
    for item in cell or ():
        fact = _fact(item)
        if fact not in result:
            result.append(fact)
    return result


def are_facts(key: str, value: object) -> bool:
    """Return True for a list of facts, with one fact at least.

    Args:
        key: Name of the column, which decides on lists of three texts.
        value: Value of a row.

    Example:
        >>> are_facts("triple_list", [["a", "b", "c"]]), are_facts("tags", [["a", "b", "c"]]), are_facts("triples", [])
        (True, False, False)
    """
    if not isinstance(value, list) or not value:
        return False
    if not all(isinstance(item, dict) for item in value) and key not in KEYS:
        return False
    try:
        return bool(facts_of(value))
    except ValueError:
        return False


def absent(text: str, facts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the subjects and objects that the text doesn't contain.

    Example:
        >>> absent("Rome is in Italy", [{"subject": "Rome", "predicate": "in", "object": "Europe"}])
        ['Europe']
    """
    parts = (fact[role] for fact in facts for role in ("subject", "object"))
    return list(dict.fromkeys(part for part in parts if part not in text))


def _fact(item: object) -> Fact:
    """Return a fact.

    Raises:
        ValueError: If one of its three parts is missing or empty.
    """
    parts: Sequence[object] = ()
    if isinstance(item, list | tuple) and len(item) == SIZE:
        parts = item
    elif isinstance(item, dict):
        parts = [_value(item, names) for names in (SUBJECTS, PREDICATES, OBJECTS)]
    subject, predicate, object_ = [_text(part) for part in parts] or ["", "", ""]
    if not (subject and predicate and object_):
        raise ValueError(f"'{str(item)[:SHOWN]}' is no subject, predicate and object")
    return {"subject": subject, "predicate": predicate, "object": object_}


def _value(item: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((item[name] for name in names if item.get(name) not in (None, "")), None)


def _text(part: object) -> str:
    if isinstance(part, dict):
        part = _value(part, VALUES)
    return part.strip() if isinstance(part, str) else ""
