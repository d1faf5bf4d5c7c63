"""Bounds on one line or row, checked before it is parsed, so that no file needs more memory or time than its size."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TextIO

from volant.errors import VolantError

LONGEST_LINE = 1024 * 1024  # characters
MOST_VALUES = 100_000  # of one JSON line: more than any row of text and labels has
DEEPEST = 100
MOST_NAMES, LONGEST_NAME = 10_000, 1000  # of a header row
OFTEN, LARGE = 1024, 65_536  # lines, and characters of one, after which `between` is called
STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
BRACKETS = re.compile(r"[\[\]{}]")


def bounded_lines(
    stream: TextIO, longest: int, setting: str, between: Callable[[], object] = lambda: None
) -> Iterator[str]:
    """Yield lines with their ends; none is held beyond `longest` characters.

    Args:
        stream: Text.
        longest: Characters that a line may have.
        setting: Name of that limit, for the message.
        between: Called now and then between two lines; what it raises ends the reading.

    Raises:
        VolantError: If a line is longer; names it.
    """
    number = 0
    while line := stream.readline(longest + 2):  # with its end
        number += 1
        if len(line.rstrip("\r\n")) > longest:
            raise VolantError(
                f"Line {number} has more than {longest:,} characters ({setting}). "
                f"Write one document per line, or raise {setting}."
            )
        if number % OFTEN == 0 or len(line) > LARGE:
            between()
        yield line


class RowLines:
    """The lines of a table, bounded by row: a quote that never closes must not bring the whole file into memory.

    Args:
        lines: Of the file.
        longest: Characters that a row may have.
        setting: Name of that limit, for the message.

    Attributes:
        start: Number of the line where the current row begins; whoever reads rows sets it.
    """

    def __init__(self, lines: Iterator[str], longest: int, setting: str) -> None:
        self._lines, self._longest, self._setting = lines, longest, setting
        self._size = 0
        self.start = 1

    def begin(self, start: int) -> None:
        """Begin a row at the line of that number."""
        self.start, self._size = start, 0

    def __iter__(self) -> Iterator[str]:
        """Yield the lines.

        Raises:
            VolantError: If a row is too long; names the line where it begins.
        """
        for line in self._lines:
            self._size += len(line)
            if self._size > self._longest + 2:
                raise VolantError(
                    f"The row that begins in line {self.start} has more than {self._longest:,} characters "
                    f"({self._setting}). Close the quote that opens there, or raise {self._setting}."
                )
            yield line


def require_simple(line: str, number: int) -> None:
    """Check that a JSON line is neither deep nor full of values, which costs far less than to parse it.

    Raises:
        VolantError: If it is.

    Example:
        >>> require_simple('{"text": "[[[[", "tags": ["a", "b"]}', 1)
        >>> require_simple("[" * 200, 7)
        Traceback (most recent call last):
        volant.errors.VolantError: Line 7 is nested deeper than 100 levels. Write one flat JSON object per line.
    """
    if line.count(",") + line.count("[") + line.count("{") <= DEEPEST:
        return
    bare = STRING.sub("0", line)
    if bare.count(",") + bare.count("[") + bare.count("{") > MOST_VALUES:
        raise VolantError(
            f"Line {number} has more than {MOST_VALUES:,} values, lists and objects. "
            "Write one flat JSON object per line."
        )
    depth = 0
    for bracket in BRACKETS.findall(bare):
        depth += 1 if bracket in "[{" else -1
        if depth > DEEPEST:
            raise VolantError(
                f"Line {number} is nested deeper than {DEEPEST} levels. Write one flat JSON object per line."
            )


def require_names(names: Sequence[str]) -> None:
    """Check the number and the length of the names in a header row.

    Raises:
        VolantError: If there are too many, or one is too long.
    """
    if len(names) > MOST_NAMES:
        raise VolantError(
            f"The header row has {len(names):,} names; {MOST_NAMES:,} are allowed. Keep the columns that are needed."
        )
    longest = max(names, key=len, default="")
    if len(longest) > LONGEST_NAME:
        raise VolantError(
            f"The header row has a name of {len(longest):,} characters ({longest[:50]}…); {LONGEST_NAME:,} are "
            "allowed. Is the header row missing?"
        )
