"""Names of classes in a Parquet file's metadata, as the `datasets` library writes them, instead of numbers.

Source: https://huggingface.co/docs/datasets/about_dataset_features (ClassLabel)
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa


def with_class_names(table: pa.Table) -> pa.Table:
    """Return the table with names instead of the numbers of its classes; -1, a withheld label, becomes no value."""
    for column, names in class_names(table.schema.metadata or {}).items():
        if column in table.column_names and _are_numbers(table.schema.field(column).type):
            values = [name_of(value, names) for value in table[column].to_pylist()]
            table = table.set_column(table.column_names.index(column), column, pa.array(values, _type(table, column)))
    return table


def class_names(metadata: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """Return column → names of its classes.

    Example:
        >>> info = b'{"info": {"features": {"mood": {"names": ["bad", "good"], "_type": "ClassLabel"}}}}'
        >>> class_names({b"huggingface": info})
        {'mood': ['bad', 'good']}
    """
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
        return {name: names for name, feature in features.items() if (names := _names(feature))}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}  # of another writer, or damaged: the numbers stay


def name_of(value: Any, names: Sequence[str]) -> Any:
    """Return the name of a number, or of each in a list; None for a number without a name.

    Example:
        >>> name_of([1, 0], ["bad", "good"]), name_of(-1, ["bad", "good"])
        (['good', 'bad'], None)
    """
    if isinstance(value, list):
        return [name_of(item, names) for item in value]
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else None


def _names(feature: Any) -> list[str] | None:
    if isinstance(feature, list):  # older files write a sequence as a list of one feature
        feature = feature[0] if feature else None
    inner = feature.get("feature", feature) if isinstance(feature, dict) else {}
    names = inner.get("names") if isinstance(inner, dict) and inner.get("_type") == "ClassLabel" else None
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else None


def _are_numbers(type_: pa.DataType) -> bool:
    return pa.types.is_integer(type_.value_type if pa.types.is_list(type_) else type_)


def _type(table: pa.Table, column: str) -> pa.DataType:
    return pa.list_(pa.string()) if pa.types.is_list(table.schema.field(column).type) else pa.string()
