"""Exports of labelling tools as flat rows: tasks with annotations, and cells with choices.

Sources: https://labelstud.io/guide/export (JSON, JSON_MIN, CSV), https://prodi.gy/docs/api-interfaces,
https://doccano.github.io/doccano
"""

import json
from collections.abc import Iterator
from typing import Any


def rows_of(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the rows of an object: one, or for a task of Label Studio one per annotation.

    Example:
        >>> result = [{"from_name": "mood", "value": {"choices": ["good"]}}]
        >>> task = {"id": 1, "data": {"text": "a"}, "annotations": [{"result": result, "was_cancelled": False}]}
        >>> list(rows_of(task))
        [{'id': 1, 'text': 'a', 'mood': ['good'], 'was_cancelled': False}]
        >>> list(rows_of({"text": "a", "mood": {"choices": ["good", "urgent"]}}))
        [{'text': 'a', 'mood': ['good', 'urgent']}]
    """
    annotations = row.get("annotations", row.get("completions"))
    if isinstance(row.get("data"), dict) and isinstance(annotations, list):
        annotations_of_task = [annotation for annotation in annotations if isinstance(annotation, dict)] or [{}]
        # an id identifies a row: with several annotations, a task's id would identify several
        name = {"id": row["id"]} if len(annotations_of_task) == 1 and "id" in row else {}
        for annotation in annotations_of_task:
            yield name | row["data"] | _labels(annotation)
    else:
        answers = {key: choices(value) for key, value in row.items()}
        yield row | {key: answer for key, answer in answers.items() if answer is not None}


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


def _labels(annotation: dict[str, Any]) -> dict[str, Any]:
    """Return the choices of one annotator by the name of each question, and `was_cancelled` if it is there."""
    labels: dict[str, Any] = {}
    for answer in annotation.get("result") or []:
        values = answer.get("value", {}).get("choices") if isinstance(answer, dict) else None
        if isinstance(values, list):
            labels[str(answer.get("from_name"))] = labels.get(str(answer.get("from_name")), []) + values
    if "was_cancelled" in annotation:
        labels["was_cancelled"] = bool(annotation["was_cancelled"])
    return labels
