"""Spans in characters of a text: as tools write them, and the checks that every reader and every kind shares.

Sources: https://spacy.io/api/doc#to_json (ents), https://prodi.gy/docs/api-interfaces#spans,
https://labelstud.io/guide/export, https://rasa.com/docs/rasa/nlu-training-data,
https://docs.aws.amazon.com/sagemaker/latest/dg/sms-data-output.html#sms-output-text-span
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from volant.errors import VolantError

STARTS = ("start", "start_offset", "startOffset", "begin", "begin_offset", "BeginOffset")
ENDS = ("end", "end_offset", "endOffset", "EndOffset")
LABELS = ("label", "labels", "entity", "entity_group", "type", "Type", "tag")
SIZE = 3  # of a span that is written as a list: start, end, label
SHOWN = 60
Span = dict[str, Any]


def spans_of(cell: object) -> list[Span]:
    """Return the spans of a cell, whichever tool wrote them; none for an empty cell.

    Args:
        cell: List of objects with a start, an end and a label (or several), or of lists of the three.

    Raises:
        ValueError: If it is something else.

    Example:
        >>> spans_of([[0, 4, "PER"], {"start_offset": 5, "end_offset": 9, "label": "LOC"}])
        [{'start': 0, 'end': 4, 'label': 'PER'}, {'start': 5, 'end': 9, 'label': 'LOC'}]
        >>> spans_of([{"start": 0, "end": 4, "text": "Anna", "labels": ["PER", "VIP"]}])
        [{'start': 0, 'end': 4, 'label': 'PER'}, {'start': 0, 'end': 4, 'label': 'VIP'}]
    """
    if not isinstance(cell, list | tuple | None):
        raise ValueError(f"{type(cell).__name__} in place of a list of spans")
    return [span for item in cell or () for span in _spans(item)]


def are_spans(value: object) -> TypeGuard[list[Any]]:
    """Return True for a list of spans as a tool writes them, with one span at least.

    Example:
        >>> are_spans([[0, 4, "PER"]]), are_spans([]), are_spans(["PER"]), are_spans([{"start": 0, "end": 4, "id": 1}])
        (True, False, False, False)
    """
    return isinstance(value, list) and bool(value) and all(map(_is_span, value))


def problem_of(text: str, spans: Sequence[Mapping[str, Any]], overlaps: bool) -> str | None:
    """Return what is wrong with the spans of a text, as a sentence with what is allowed; None if nothing is.

    Args:
        text: The text; offsets count its Unicode code points.
        spans: Objects with `start`, `end` and `label`.
        overlaps: True if spans may overlap.

    Example:
        >>> problem_of("Ann met Bob", [{"start": 8, "end": 12, "label": "PER"}], overlaps=False)
        'span 8-12 (PER) is outside of the text, which has 11 characters. Offsets count characters, from 0.'
    """
    for span in spans:
        if not span["label"]:
            return f"span {_shown(span)} has no label. Name one."
        if span["start"] >= span["end"]:
            return f"span {_shown(span)} is empty: `end` must be greater than `start`, as it is exclusive."
        if span["start"] < 0 or span["end"] > len(text):
            size = f"which has {len(text):,} characters"
            return f"span {_shown(span)} is outside of the text, {size}. Offsets count characters, from 0."
    return None if overlaps else _overlap(text, spans)


def require_spans(text: str, spans: Sequence[Mapping[str, Any]], overlaps: bool, where: str) -> None:
    """Check the spans of a text.

    Args:
        text: The text.
        spans: Objects with `start`, `end` and `label`.
        overlaps: True if spans may overlap.
        where: File and line, for messages.

    Raises:
        VolantError: If a span is empty or outside of the text, or overlaps another and must not.
    """
    if problem := problem_of(text, spans, overlaps):
        raise VolantError(f"{where}: {problem}")


def _overlap(text: str, spans: Sequence[Mapping[str, Any]]) -> str | None:
    last: Mapping[str, Any] | None = None
    for span in sorted(spans, key=lambda span: (span["start"], span["end"])):
        if last is not None and span["start"] < last["end"]:
            pair = " and ".join(f"'{text[one['start'] : one['end']][:SHOWN]}' {_shown(one)}" for one in (last, span))
            return f"spans {pair} overlap. This kind has one label for each character: remove one of the two."
        last = span
    return None


def _shown(span: Mapping[str, Any]) -> str:
    return f"{span['start']}-{span['end']} ({span['label']})"


def _is_span(item: object) -> bool:
    try:
        return bool(list(_spans(item)))
    except ValueError:
        return False


def _spans(item: object) -> Iterator[Span]:
    """Yield the spans of an item, one for each of its labels.

    Raises:
        ValueError: If it is not a span.
    """
    if isinstance(item, list | tuple) and len(item) == SIZE:
        start, end, labels = item
    elif isinstance(item, dict):
        start, end, labels = (_value(item, names) for names in (STARTS, ENDS, LABELS))
    else:
        raise ValueError(f"'{str(item)[:SHOWN]}' is no span")
    for label in labels if isinstance(labels, list) else [labels]:
        if not (_is_offset(start) and _is_offset(end) and isinstance(label, str)):
            raise ValueError(f"'{str(item)[:SHOWN]}' is no span")
        yield {"start": int(start), "end": int(end), "label": label}


def _value(item: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((item[name] for name in names if item.get(name) is not None), None)


def _is_offset(value: object) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
