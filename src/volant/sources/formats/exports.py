"""Exports of labelling tools as flat rows: tasks with annotations, cells with choices, with spans or with facts.

Sources: https://labelstud.io/guide/export (JSON, JSON_MIN, CSV), https://prodi.gy/docs/api-interfaces,
https://doccano.github.io/doccano, https://v2.spacy.io/api/annotation#json-input (a text with its `entities`)
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from volant.sources.formats.facts import are_facts, facts_of
from volant.sources.formats.offsets import as_quoted
from volant.sources.formats.spans import Span, are_spans, spans_of


def rows_of(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the rows of an object: one, or for a task of Label Studio one per annotation.

    Example:
        >>> result = [{"from_name": "mood", "value": {"choices": ["good"]}}]
        >>> task = {"id": 1, "data": {"text": "a"}, "annotations": [{"result": result, "was_cancelled": False}]}
        >>> list(rows_of(task))
        [{'id': 1, 'text': 'a', 'mood': ['good'], 'was_cancelled': False}]
        >>> list(rows_of({"text": "a", "mood": {"choices": ["good", "urgent"]}}))
        [{'text': 'a', 'mood': ['good', 'urgent']}]
        >>> list(rows_of({"text": "Ann", "entities": [[0, 3, "PER"]]}))
        [{'text': 'Ann', 'entities': [{'start': 0, 'end': 3, 'label': 'PER'}]}]
    """
    annotations = row.get("annotations", row.get("completions"))
    if isinstance(row.get("data"), dict) and isinstance(annotations, list):
        annotations_of_task = [annotation for annotation in annotations if isinstance(annotation, dict)] or [{}]
        # an id identifies a row: with several annotations, a task's id would identify several
        name = {"id": row["id"]} if len(annotations_of_task) == 1 and "id" in row else {}
        for annotation in annotations_of_task:
            yield name | row["data"] | _labels(annotation, _texts(row["data"]))
    else:
        yield {key: _cell(key, value, row) for key, value in row.items()}


def pair(value: Sequence[Any]) -> dict[str, Any] | None:
    """Return the row of spaCy's pair of a text and its annotations; None for another list.

    Example:
        >>> pair(["Ann sings", {"entities": [[0, 3, "PER"]]}])
        {'text': 'Ann sings', 'entities': [[0, 3, 'PER']]}
    """
    match value:
        case [str(text), dict(annotations)]:
            return {"text": text} | {key: cell for key, cell in annotations.items() if not isinstance(cell, dict)}
    return None


def choices(value: object) -> list[Any] | None:
    """Return the values of Label Studio's `{"choices": [...]}`, as an object or as text in a cell; None for all else.

    Example:
        >>> choices('{"choices": ["good", "urgent"]}'), choices("good"), choices({"a": 1})
        (['good', 'urgent'], None, None)
    """
    if isinstance(value, str):
        if not (value.startswith("{") and value.endswith("}") and '"choices"' in value):
            return None
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    values = value.get("choices") if isinstance(value, dict) and set(value) == {"choices"} else None
    return values if isinstance(values, list) else None


def _cell(key: str, value: Any, row: dict[str, Any]) -> Any:
    """Return the choices, the spans or the facts of a value in one form; every other value as it is."""
    if not isinstance(value, str | list | dict):
        return value
    parts = parts_of(key, value, _texts(row))
    if parts is not None:
        return parts
    values = choices(value)
    return value if values is None else values


def parts_of(key: str, value: object, texts: Sequence[str]) -> list[Any] | None:
    """Return the spans or the facts of a value in one form; None for every other value.

    Args:
        key: Name of its column.
        value: Value of a row.
        texts: Texts of the row, in which a tool's own text of a span is searched.

    Example:
        >>> parts_of("ner", [[0, 3, "PER"]], ["Ann"]), parts_of("tags", ["a"], ["Ann"])
        ([{'start': 0, 'end': 3, 'label': 'PER'}], None)
    """
    if are_spans(value):
        return _quoted(value, texts)
    return facts_of(value) if are_facts(key, value) else None


def _labels(annotation: dict[str, Any], texts: Sequence[str]) -> dict[str, Any]:
    """Return one annotator's choices and spans by the name of each question, and `was_cancelled` if it is there."""
    labels: dict[str, Any] = {}
    for answer in annotation.get("result") or []:
        value = answer.get("value") if isinstance(answer, dict) else None
        values = value.get("choices") if isinstance(value, dict) else None
        if isinstance(value, dict) and are_spans([value]):
            values = _quoted([value], texts)
        if isinstance(values, list):
            labels[str(answer.get("from_name"))] = labels.get(str(answer.get("from_name")), []) + values
    if "was_cancelled" in annotation:
        labels["was_cancelled"] = bool(annotation["was_cancelled"])
    return labels


def _quoted(value: Sequence[Any], texts: Sequence[str]) -> list[Span]:
    """Return spans in characters where the tool also gives the text of each."""
    result = []
    for item in value:
        text = item.get("text") if isinstance(item, dict) else None
        for span in spans_of([item]):
            if isinstance(text, str):
                start, end = as_quoted(texts, span["start"], span["end"], text)
                span |= {"start": start, "end": end}
            result.append(span)
    return result


def _texts(row: dict[str, Any]) -> list[str]:
    return [value for value in row.values() if isinstance(value, str)]
