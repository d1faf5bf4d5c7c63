"""JSON files that are one object with all rows: intents with slots, as Snips and Rasa wrote them.

Sources: https://github.com/sonos/nlu-benchmark/tree/master/2017-06-custom-intent-engines (Snips),
https://legacy-docs-oss.rasa.com/docs/rasa/nlu/training-data-format/ (Rasa's JSON)
"""

import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from volant.errors import VolantError
from volant.sources.formats.lines import Format, read_lines
from volant.sources.formats.spans import spans_of

HEAD = re.compile(r'\s*\{\s*(?:"rasa_nlu_data"\s*:\s*\{|"[^"]*"\s*:\s*\[\s*\{\s*"data"\s*:\s*\[)')
MOST = 1 << 26  # characters: both sets have less than a tenth
Rows = Iterator[dict[str, Any]]


def is_document(head: str) -> bool:
    """Return True if a file begins as Snips' or Rasa's JSON.

    Example:
        >>> is_document('{"GetWeather": [{"data": [{"text": "Rain"}'), is_document('{"text": "Rain"}')
        (True, False)
    """
    return HEAD.match(head.lstrip("\ufeff")) is not None


def read(data: BinaryIO, name: str, form: Format) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the rows of a file, each with its number: `text`, `label` (the intent) and `spans` (the slots).

    Args:
        data: Decompressed bytes.
        name: Name of the file for messages.
        form: Its format.

    Raises:
        VolantError: If it is too large, broken, or a sentence is not as the tool writes it.
    """
    parts = []
    size = 0
    for line in read_lines(data, name, form):
        parts.append(line)
        size += len(line)
        if size > MOST:
            raise VolantError(
                f"{name}: more than {MOST:,} characters in one JSON object. Split it, or write JSON Lines."
            )
    try:
        value = json.loads("".join(parts).lstrip("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise VolantError(f"{name}: broken JSON ({error}). Export it again.") from error
    number = 1
    try:
        for row in _rasa(value) if "rasa_nlu_data" in value else _snips(value):
            yield number, row
            number += 1
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise VolantError(
            f"{name}, sentence {number} can't be read: {type(error).__name__}: {str(error)[:200]}. Expected Snips' "
            '{"Intent": [{"data": [{"text": "…", "entity": "slot"}]}]}, or Rasa\'s rasa_nlu_data.common_examples.'
        ) from error


def _rasa(value: dict[str, Any]) -> Rows:
    for example in value["rasa_nlu_data"].get("common_examples") or []:
        spans = spans_of(example.get("entities"))
        yield {"text": str(example["text"]), "label": example.get("intent"), "spans": spans}


def _snips(value: dict[str, Any]) -> Rows:
    for intent, sentences in value.items():
        for sentence in sentences:
            yield _joined(intent, sentence["data"])


def _joined(intent: str, pieces: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the row of a sentence in pieces; those with an entity are slots, without the white space around them."""
    text = ""
    spans = []
    for piece in pieces:
        slot = piece.get("entity") or piece.get("slot_name")
        content = str(piece["text"])
        if slot and content.strip():
            start = len(text) + len(content) - len(content.lstrip())
            spans.append({"start": start, "end": start + len(content.strip()), "label": str(slot)})
        text += content
    return {"text": text, "label": intent, "spans": spans}
