"""Extraction of texts from MLflow model inputs: lists, pandas frames and series, arrays, and the dicts of its JSON."""

from collections.abc import Iterable, Mapping
from itertools import chain
from math import isnan
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

COLUMN = "text"
ACCEPTED = (
    f"Give a list of texts, or a table with the column '{COLUMN}' "
    f'(as JSON: {{"inputs": ["a text"]}} or {{"dataframe_records": [{{"{COLUMN}": "a text"}}]}}).'
)


def texts_of(model_input: Any) -> list[str]:
    """Return the texts of a model's input, in order.

    In a table, these are the column `text`; without it, the only column with texts.

    Fails with `MlflowException` and the code INVALID_PARAMETER_VALUE (HTTP 400) if no column or several columns
    qualify, or a row has no text.

    Args:
        model_input: A text, a list of texts or of records, a pandas DataFrame or Series, a numpy array, or a mapping
            of column names to values.

    Example:
        >>> texts_of([{"id": "7", "text": "a fine film"}])
        ['a fine film']
    """
    if isinstance(model_input, str):
        return [model_input]
    if hasattr(model_input, "columns") or isinstance(model_input, Mapping):
        return _checked(_column({str(name): model_input[name] for name in model_input}))
    values = _values(model_input)
    if values and all(isinstance(value, Mapping) for value in values):
        names = dict.fromkeys(chain.from_iterable(values))
        return _checked(_column({str(name): _cells(values, name) for name in names}))
    return _checked(values)


def _cells(records: list[Any], name: Any) -> list[Any]:
    return [record.get(name) for record in records]


def _column(table: Mapping[str, Any]) -> list[Any]:
    if COLUMN in table:
        return _values(table[COLUMN])
    columns = {name: _values(column) for name, column in table.items()}
    names = [name for name, values in columns.items() if _has_text(values)]
    if len(names) == 1:
        return columns[names[0]]
    if not any(columns.values()):
        return []
    listed = ", ".join(f"'{name}'" for name in list(table)[:20])
    problem = "none of them contains texts" if not names else f"{len(names)} of them contain texts"
    raise MlflowException(f"The columns are {listed}, and {problem}. {ACCEPTED}", INVALID_PARAMETER_VALUE)


def _has_text(values: list[Any]) -> bool:
    return any(isinstance(value, str) for value in values)


def _values(column: Any) -> list[Any]:
    """Return the values of a list, an array (N,) or (N, 1), or a series.

    Raises:
        MlflowException: If it is another type, or an array of another shape.
    """
    if isinstance(column, str):
        return [column]
    if hasattr(column, "to_list"):
        return column.to_list()
    if hasattr(column, "tolist"):
        if column.ndim == 2 and column.shape[1] == 1:
            return column[:, 0].tolist()
        if column.ndim > 1:
            raise MlflowException(f"An array of the shape {column.shape} is given. {ACCEPTED}", INVALID_PARAMETER_VALUE)
        values = column.tolist()
        return values if isinstance(values, list) else [values]
    if isinstance(column, Iterable) and not isinstance(column, bytes):
        return list(column)
    raise MlflowException(f"A value of the type {type(column).__name__} is given. {ACCEPTED}", INVALID_PARAMETER_VALUE)


def _checked(values: list[Any]) -> list[str]:
    for row, value in enumerate(values, 1):
        if not isinstance(value, str):
            missing = value is None or (isinstance(value, float) and isnan(value))  # pandas' empty cells are NaN
            problem = "is empty" if missing else f"is a value of the type {type(value).__name__}, not a text"
            raise MlflowException(f"Row {row} of {len(values)} {problem}. {ACCEPTED}", INVALID_PARAMETER_VALUE)
    return values
