"""Exports of labelling tools as flat rows: tasks with annotations, and cells with choices.

Sources: https://labelstud.io/guide/export (JSON, JSON_MIN, CSV), https://prodi.gy/docs/api-interfaces,
https://doccano.github.io/doccano
"""

import json
from collections.abc import Iterator
from typing import Any


def rows_of(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows that an object stands for: one, or of Label Studio's tasks one for each annotation.

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
        held = [one for one in annotations if isinstance(one, dict)] or [{}]
        # an id stands for a row: with several annotations a task's would stand for several
        name = {"id": row["id"]} if len(held) == 1 and "id" in row else {}
        for annotation in held:
            yield name | row["data"] | _labels(annotation)
    else:
        yield {key: value if (chosen := choices(value)) is None else chosen for key, value in row.items()}


def choices(value: object) -> list[Any] | None:
    """The values of Label Studio's `{"choices": [...]}`, as an object or as its text in a cell; None for all else.

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
    held = value.get("choices") if isinstance(value, dict) and set(value) == {"choices"} else None
    return held if isinstance(held, list) else None


def _labels(annotation: dict[str, Any]) -> dict[str, Any]:
    """Return the choices of one annotator by the name of each question, and whether the task was skipped."""
    found: dict[str, Any] = {}
    for one in annotation.get("result") or []:
        chosen = one.get("value", {}).get("choices") if isinstance(one, dict) else None
        if isinstance(chosen, list):
            found[str(one.get("from_name"))] = found.get(str(one.get("from_name")), []) + chosen
    if "was_cancelled" in annotation:
        found["was_cancelled"] = bool(annotation["was_cancelled"])
    return found
