"""JSON Lines as tables."""

import json
from typing import Any, BinaryIO

import pyarrow as pa

from volant.errors import VolantError
from volant.sources.formats.lines import Format, read_lines

MIXED = "volant mixed types: "  # before the name of a column in the metadata


def read_jsonl(data: BinaryIO, name: str, form: Format) -> pa.Table:
    """Read one JSON object a line; a key that a line lacks is a missing value there.

    A key whose values are of several types becomes no column; the schema's metadata say why (see `MIXED`).
    """
    columns: dict[str, list[Any]] = {}
    count = 0
    for number, line in enumerate(read_lines(data, name, form), 1):
        if not line.strip():
            continue
        for key, value in json_object(line, name, number).items():
            column = columns.setdefault(key, [])
            column.extend([None] * (count - len(column)))
            column.append(value)
        count += 1
    for column in columns.values():
        column.extend([None] * (count - len(column)))
    arrays, mixed = {}, {}
    for key, values in columns.items():
        try:
            arrays[key] = _column(values, f"{name}, column '{key}'")
        except VolantError as error:
            mixed[MIXED + key] = str(error)
    return pa.table(arrays, metadata=mixed)


def json_object(line: str, name: str, number: int) -> dict[str, Any]:
    """The object that a line holds.

    Raises:
        VolantError: If it holds none; names file and line.
    """
    hint = "If the file is one JSON list or spread over lines, write one object a line."
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise VolantError(f"{name}, line {number}: broken JSON ({error}). {hint}") from error
    if not isinstance(value, dict):
        raise VolantError(f"{name}, line {number}: {type(value).__name__}, but expected an object. {hint}")
    return value


def _column(values: list[Any], where: str) -> pa.Array:
    try:
        return pa.array(values)
    except UnicodeEncodeError:
        return _column([whole(value) for value in values], where)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        if any(isinstance(value, list | dict) for value in values):
            raise VolantError(
                f"{where}: its values are of several types ({error}). Write them all the same way."
            ) from error
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def whole(value: object) -> object:
    r"""A value whose texts UTF-8 can hold: half of an emoji, cut by whoever shortened the text, becomes U+FFFD.

    Example:
        >>> whole(["a\ud83d", "\ud83d\ude00", 3]) == ["a\ufffd", "\U0001f600", 3]
        True
    """
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return [whole(item) for item in value] if isinstance(value, list) else value
