"""Tables for terminals of any width: whole columns are omitted, the least important first, and no cell is truncated."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich.measure import Measurement
from rich.table import Table as RichTable

from volant.workspace.terminal import Console

UNBOUNDED = 100_000  # characters; at this width nothing is wrapped
LONGEST = 40  # characters; a longer word of a wrapping cell, such as an address, displaces no other column


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: Header.
        drop: Order of omission: the highest first; 0: never omitted.
        justify: Alignment of the cells.
        wraps: True if cells may be wrapped between words; else each is on one line.
        least: Minimum width of a wrapping column, if its cells are as long.
    """

    name: str
    drop: int = 0
    justify: Literal["left", "right"] = "left"
    wraps: bool = False
    least: int = 20


class Table:
    """Rows of cells in Rich's markup; `show` prints as many columns as fit.

    Args:
        columns: Columns from left to right; a string is a column that is never omitted.
        json: True if the command has `--json`, which the line about omitted columns then mentions.
        options: Options of Rich's table, such as `title` and `box`.
    """

    def __init__(self, *columns: Column | str, json: bool = True, **options: Any) -> None:
        self._columns = [Column(column) if isinstance(column, str) else column for column in columns]
        self._rows: list[tuple[tuple[str, ...], str | None]] = []
        self._json = json
        self._options = options

    def __bool__(self) -> bool:
        """Return whether there are rows."""
        return bool(self._rows)

    def add_row(self, *cells: str, style: str | None = None) -> None:
        """Add a row; missing cells at its end are empty."""
        missing = len(self._columns) - len(cells)
        self._rows.append(((*cells, *[""] * missing), style))

    def show(self, console: Console) -> None:
        """Print the columns that fit, and below them the names of the omitted ones."""
        sizes = [self._size(position, console) for position in range(len(self._columns))]
        positions = list(range(len(sizes)))
        order = sorted((column.drop, position) for position, column in enumerate(self._columns) if column.drop)
        while order and sum(sizes[k].minimum for k in positions) > self._room(positions, console):
            positions.remove(order.pop()[1])
        widths = shares([sizes[position] for position in positions], self._room(positions, console))
        console.print(self._build(positions, widths))
        if dropped := [column.name for position, column in enumerate(self._columns) if position not in positions]:
            where = "a wider terminal or --json" if self._json else "a wider terminal"
            line = f"Omitted at {console.width} columns: {', '.join(dropped)}. Use {where} to see them."
            console.print(line, style="dim", markup=False, highlight=False, soft_wrap=True)

    def _size(self, position: int, console: Console) -> Measurement:
        """Return the minimum and the maximum width of a column in characters."""
        column = self._columns[position]
        wide = console.options.update(width=UNBOUNDED, max_width=UNBOUNDED)
        texts = [column.name, *(cells[position] for cells, _ in self._rows)]
        measures = [Measurement.get(console, wide, text) for text in texts]
        widest = max(measure.maximum for measure in measures)
        word = max(measure.minimum for measure in measures)
        needed = max(min(column.least, widest), min(word, LONGEST)) if column.wraps else widest
        return Measurement(needed, widest)

    def _room(self, positions: Sequence[int], console: Console) -> int:
        """Return the width in characters that borders and padding leave for the cells of some columns."""
        bare = self._build(positions, [1] * len(positions))
        return console.width - Measurement.get(console, console.options, bare).maximum + len(positions)

    def _build(self, positions: Sequence[int], widths: Sequence[int]) -> RichTable:
        table = RichTable(**self._options)
        for position, width in zip(positions, widths, strict=True):
            column = self._columns[position]
            table.add_column(column.name, justify=column.justify, overflow="fold", width=width)
        for cells, style in self._rows:
            table.add_row(*(cells[position] for position in positions), style=style)
        return table


def shares(sizes: Sequence[Measurement], room: int) -> list[int]:
    """Return the width of each column.

    Each gets its minimum, and the rest goes to the one that lacks most; if the minimums don't fit, the widest shrink.

    Example:
        >>> shares([Measurement(3, 3), Measurement(4, 50), Measurement(4, 6)], 20)
        [3, 13, 4]
        >>> shares([Measurement(3, 3), Measurement(40, 50), Measurement(4, 6)], 20)
        [3, 13, 4]
    """
    widths = [size.minimum for size in sizes]
    while sum(widths) > max(room, len(widths)):
        widths[widths.index(max(widths))] -= 1
    while sum(widths) < room:
        lacking = [size.maximum - width for size, width in zip(sizes, widths, strict=True)]
        if not any(lacking):
            break
        widths[lacking.index(max(lacking))] += 1
    return widths
