"""Bounds on one JSON object, checked before it is parsed: parsing costs memory and time by its values."""

import re

from volant.errors import VolantError

MOST_VALUES = 100_000  # in one object: more than any row of text and labels has
DEEPEST = 100
STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
BRACKETS = re.compile(r"[\[\]{}]")


def require_simple(text: str, where: str) -> None:
    """Check that a JSON object is not deeply nested and has not too many values, which costs far less than parsing.

    Args:
        text: Text of the object.
        where: File and line, for messages.

    Raises:
        VolantError: If it is, or has.

    Example:
        >>> require_simple('{"text": "[[[[", "tags": ["a", "b"]}', "a.jsonl, line 1")
        >>> require_simple("[" * 200, "a.jsonl, line 7")
        Traceback (most recent call last):
        volant.errors.VolantError: a.jsonl, line 7: nested deeper than 100 levels. Write one flat JSON object per line.
    """
    if text.count(",") + text.count("[") + text.count("{") <= DEEPEST:
        return
    bare = STRING.sub("0", text)
    if bare.count(",") + bare.count("[") + bare.count("{") > MOST_VALUES:
        raise VolantError(f"{where}: more than {MOST_VALUES:,} values. Write one flat JSON object per line.")
    depth = 0
    for bracket in BRACKETS.findall(bare):
        depth += 1 if bracket in "[{" else -1
        if depth > DEEPEST:
            raise VolantError(f"{where}: nested deeper than {DEEPEST} levels. Write one flat JSON object per line.")
