"""Spans in the output manifest of a SageMaker Ground Truth job of named entities, which Amazon Comprehend reads too.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/sms-data-output.html#sms-output-text-span
"""

from collections.abc import Mapping
from typing import Any

from volant.sources.formats.spans import Span, spans_of

PARTS = "entities"


def has_spans(value: object) -> bool:
    """Return True for the value of a label attribute that holds spans.

    Example:
        >>> has_spans({"annotations": {"entities": [], "labels": []}}), has_spans(3)
        (True, False)
    """
    annotations = value.get("annotations") if isinstance(value, dict) else None
    return isinstance(annotations, dict) and isinstance(annotations.get(PARTS), list)


def spans_of_value(value: Mapping[str, Any]) -> list[Span]:
    """Return the spans of such a value.

    Raises:
        ValueError: If one has no offsets, or no label.

    Example:
        >>> spans_of_value({"annotations": {"entities": [{"startOffset": 0, "endOffset": 3, "label": "PER"}]}})
        [{'start': 0, 'end': 3, 'label': 'PER'}]
    """
    return spans_of(value["annotations"][PARTS])


def lowest_confidence(metadata: Mapping[str, Any]) -> float | None:
    """Return the lowest confidence of the spans of a row; None without spans.

    Example:
        >>> lowest_confidence({"entities": [{"confidence": 0.9}, {"confidence": 0.08}]})
        0.08
    """
    parts = metadata.get(PARTS)
    values = [part.get("confidence") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return min((float(value) for value in values if isinstance(value, int | float)), default=None)
