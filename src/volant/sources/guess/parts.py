"""The gold of a file whose columns hold parts of a text: spans, spans beside an intent, or triples."""

import re

import pyarrow as pa

from volant.sources.formats.gold import part_of
from volant.sources.parts import READERS

INTENT = re.compile(r"(intents?|labels?|intention)", re.IGNORECASE)  # names of a column of intents
LEAST = 2  # intents


def part_targets(table: pa.Table) -> dict[str, str]:
    """Return the columns of rows that a file has gold for, each with the file's column; none without parts.

    A label counts beside spans if its column is called like one, and its values recur.

    Example:
        >>> spans = pa.array([[{"start": 0, "end": 1, "label": "x"}]] * 4)
        >>> part_targets(pa.table({"text": ["a"] * 4, "ner": spans}))
        {'spans': 'ner'}
        >>> part_targets(pa.table({"text": ["a"] * 4, "intent": ["play", "ask"] * 2, "slots": spans}))
        {'label': 'intent', 'spans': 'slots'}
    """
    parts = {part_of(field.type): field.name for field in reversed(list(table.schema))}
    target = next((target for target in READERS if target in parts), None)
    if target is None:
        return {}
    found = {target: parts[target]}
    label = next((name for name in table.column_names if _are_intents(table, name)), None)
    return {"label": label} | found if target == "spans" and label else found


def _are_intents(table: pa.Table, name: str) -> bool:
    if not INTENT.fullmatch(name) or not pa.types.is_string(table.schema.field(name).type):
        return False
    values = [value for value in table[name].to_pylist() if value]
    return LEAST <= len(set(values)) <= len(values) / 2
