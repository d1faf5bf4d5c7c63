"""JSON objects, one at a time in constant memory: one per line, or in a list as labelling tools export them."""

import io
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, repeat
from typing import Any, BinaryIO

from volant.errors import VolantError
from volant.sources.formats import documents
from volant.sources.formats.bounds import require_simple
from volant.sources.formats.exports import pair, rows_of
from volant.sources.formats.lines import Format, read_lines

BLOCK = 1 << 16
SIGNS = re.compile(r'["\\\[\]{}\n]')
HINT = "If the file is one JSON list or spread over lines, write one object per line."


def read_objects(data: BinaryIO, name: str, form: Format, kind: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects with the line where each begins, or in a list with the number of each; tasks as flat rows.

    Fails with `VolantError` if a line or an item of the list is broken, not an object, or too long; the message names
    the line.

    Args:
        data: Decompressed bytes.
        name: Name of the file for messages.
        form: Its format.
        kind: `array`, `document` for one object with all rows, or `jsonl` for one object per line.
    """
    if kind == "document":
        return documents.read(data, name, form)
    if kind == "array":  # a list may be on one line
        return enumerate(chain.from_iterable(rows_of(value) for _, value in _items(data, name, form)), 1)
    return chain.from_iterable(zip(repeat(number), rows_of(value)) for number, value in _per_line(data, name, form))


def json_object(text: str, name: str, number: int) -> dict[str, Any]:
    """Return the object of a JSON text, or that of spaCy's pair of a text and its annotations.

    Args:
        text: The text.
        name: Name of the file for messages.
        number: Number of the line for messages.

    Raises:
        VolantError: If it is not an object, or too large; the message names file and line.
    """
    require_simple(text, f"{name}, line {number}")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise VolantError(f"{name}, line {number}: broken JSON ({error}). {HINT}") from error
    if isinstance(value, list):
        value = pair(value) or value
    if not isinstance(value, dict):
        raise VolantError(f"{name}, line {number}: {type(value).__name__}, but expected an object. {HINT}")
    return value


def _per_line(data: BinaryIO, name: str, form: Format) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(read_lines(data, name, form), 1):
        if line.strip():
            yield number, json_object(line, name, number)


def _items(data: BinaryIO, name: str, form: Format) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of one JSON list, each up to `max_line` characters."""
    text = io.TextIOWrapper(data, encoding=form.encoding or "utf-8", newline="")
    scanner = Scanner(name, form.max_line)
    try:
        while block := text.read(BLOCK):
            for number, item in scanner.items(block):
                yield number, json_object(item, name, number)
        scanner.end()
    finally:
        with suppress(ValueError):  # the caller closes the bytes
            text.detach()


class Scanner:
    """A splitter of a JSON list into the texts of its objects, block by block.

    Args:
        name: Name of the file for messages.
        longest: Largest number of characters of an object.
    """

    def __init__(self, name: str, longest: int) -> None:
        self._name = name
        self._longest = longest
        self._line = 1
        self._start = 1
        self._depth = 0
        self._quoted = False
        self._skip = -1  # position of a character after a backslash
        self._parts: list[str] = []

    def items(self, block: str) -> Iterator[tuple[int, str]]:
        """Yield the objects that end in a block, with the line where each begins.

        Fails with `VolantError` if an object is too long, or there is something else between them.
        """
        begin = 0
        for match in SIGNS.finditer(block):
            at = match.start()
            sign = match[0]
            if self._is_text(at, sign):
                continue
            if sign in "[{":
                self._depth += 1
                if self._depth == 2:
                    self._between(block[begin:at])
                    begin = at
                    self._start = self._line
            elif sign in "]}":
                self._depth -= 1
                if self._depth == 1:
                    yield self._start, "".join([*self._parts, block[begin : at + 1]])
                    self._parts = []
                    begin = at + 1
        self._keep(block[begin:])
        self._skip = self._skip - len(block) if self._skip >= len(block) else -1

    def _is_text(self, at: int, sign: str) -> bool:
        """Return True if a sign is part of a text, begins one, or ends a line: it opens and closes nothing."""
        if at == self._skip:
            return True
        self._line += sign == "\n"
        if self._quoted:
            self._quoted = sign != '"'
            self._skip = at + 1 if sign == "\\" else self._skip
            return True
        self._quoted = sign == '"'
        return sign in '"\n\\'

    def end(self) -> None:
        """Refuse a list that is truncated, or followed by something.

        Raises:
            VolantError: If it is.
        """
        remaining = "".join(self._parts).strip()
        if self._depth or remaining not in ("", "]", "[]"):
            raise VolantError(f"{self._name}, line {self._line}: the JSON list does not end. Is the file truncated?")

    def _between(self, text: str) -> None:
        content = "".join([*self._parts, text]).strip(" \t\r\n,[\ufeff")
        if content:
            raise VolantError(f"{self._name}, line {self._line}: '{content[:40]}' in a list of objects. {HINT}")
        self._parts = []

    def _keep(self, text: str) -> None:
        self._parts.append(text)
        if sum(map(len, self._parts)) > self._longest:
            raise VolantError(
                f"{self._name}, line {self._start}: an object longer than {self._longest:,} characters. "
                "Is this the right file? If so, raise `max_line`."
            )
