"""JSON Lines, and lists of JSON objects, as tables."""

from collections.abc import Sequence
from typing import Any, BinaryIO

import pyarrow as pa

from volant.errors import VolantError
from volant.sources.formats.lines import Format
from volant.sources.formats.objects import read_objects

MIXED = "volant mixed types: "  # prefix of a column's name in the metadata


def read_json(data: BinaryIO, name: str, form: Format, kind: str = "jsonl") -> tuple[pa.Table, Sequence[int]]:
    """Read objects as rows, with the line where each begins (or the number of each row, if a line has several).

    A key that a row lacks is a missing value. A key whose values are of several types becomes no column; the schema's
    metadata have the reason (see `MIXED`).

    Args:
        data: Decompressed bytes.
        name: Name of the file for messages.
        form: Its format.
        kind: `array`, or `jsonl` for one object per line.
    """
    columns: dict[str, list[Any]] = {}
    numbers: list[int] = []
    for number, row in read_objects(data, name, form, kind):
        for key, value in row.items():
            column = columns.setdefault(key, [])
            column.extend([None] * (len(numbers) - len(column)))
            column.append(value)
        numbers.append(number)
    for column in columns.values():
        column.extend([None] * (len(numbers) - len(column)))
    arrays = {}
    mixed = {}
    for key, values in columns.items():
        try:
            arrays[key] = _column(values, f"{name}, column '{key}'")
        except VolantError as error:
            mixed[MIXED + key] = str(error)
    if len(set(numbers)) < len(numbers):  # a task with several annotations
        numbers = list(range(1, len(numbers) + 1))
    return pa.table(arrays, metadata=mixed), numbers


def _column(values: list[Any], where: str) -> pa.Array:
    try:
        return pa.array(values)
    except UnicodeEncodeError:
        return _column([valid_unicode(value) for value in values], where)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        if all(value is None or isinstance(value, str | list) for value in values):  # one label, or several
            return _lists([[value] if isinstance(value, str) else value for value in values], where)
        if any(isinstance(value, list | dict) for value in values):
            raise _several_types(where, error) from error
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def _lists(values: list[Any], where: str) -> pa.Array:
    try:
        return pa.array(values, pa.list_(pa.string()))
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise _several_types(where, error) from error


def _several_types(where: str, error: Exception) -> VolantError:
    return VolantError(f"{where}: its values are of several types ({error}). Write them all the same way.")


def valid_unicode(value: object) -> object:
    r"""Return a value with valid Unicode: an unpaired surrogate, half of an emoji in a shortened text, becomes U+FFFD.

    Example:
        >>> valid_unicode(["a\ud83d", "\ud83d\ude00", 3]) == ["a\ufffd", "\U0001f600", 3]
        True
    """
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return [valid_unicode(item) for item in value] if isinstance(value, list) else value
