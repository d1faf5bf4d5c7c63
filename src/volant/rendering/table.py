"""A table for a terminal of any width: whole columns are left out, the least important first, and no cell is cut."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich.measure import Measurement
from rich.table import Table as RichTable

from volant.workspace.terminal import Console

UNBOUNDED = 100_000  # characters: a width at which nothing is wrapped
LONGEST = 40  # characters: a longer word of a cell that wraps, such as an address, makes no other column go


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: Its header.
        drop: Its turn to be left out: the highest first; 0: never.
        justify: Where its cells stand.
        wraps: Whether its cells may take several lines, parted between words; else a cell takes one.
        least: Characters that it gets at least, if it wraps and its cells have as many.
    """

    name: str
    drop: int = 0
    justify: Literal["left", "right"] = "left"
    wraps: bool = False
    least: int = 20


class Table:
    """Rows of cells in Rich's markup, of which `show` prints as many columns as fit.

    Args:
        columns: From left to right; a name alone is a column that is never left out.
        json: Whether the command that prints it has `--json`, which the line about left-out columns then names.
        look: Options of Rich's table, such as `title` and `box`.
    """

    def __init__(self, *columns: Column | str, json: bool = True, **look: Any) -> None:
        self._columns = [Column(column) if isinstance(column, str) else column for column in columns]
        self._rows: list[tuple[tuple[str, ...], str | None]] = []
        self._json = json
        self._look = look

    def __bool__(self) -> bool:
        """Return whether there are rows."""
        return bool(self._rows)

    def add_row(self, *cells: str, style: str | None = None) -> None:
        """Add a row; cells that are missing at its end are empty."""
        missing = len(self._columns) - len(cells)
        self._rows.append(((*cells, *[""] * missing), style))

    def show(self, console: Console) -> None:
        """Print the columns that fit, and below them the names of those that do not."""
        sizes = [self._size(position, console) for position in range(len(self._columns))]
        positions = list(range(len(sizes)))
        turns = sorted((column.drop, position) for position, column in enumerate(self._columns) if column.drop)
        while turns and sum(sizes[k].minimum for k in positions) > self._room(positions, console):
            positions.remove(turns.pop()[1])
        widths = shares([sizes[position] for position in positions], self._room(positions, console))
        console.print(self._build(positions, widths))
        if dropped := [column.name for position, column in enumerate(self._columns) if position not in positions]:
            where = "a wider terminal or --json" if self._json else "a wider terminal"
            line = f"Left out at {console.width} columns: {', '.join(dropped)}. Shown by {where}."
            console.print(line, style="dim", markup=False, highlight=False, soft_wrap=True)

    def _size(self, position: int, console: Console) -> Measurement:
        """The characters that a column needs, and those that it can use."""
        column = self._columns[position]
        wide = console.options.update(width=UNBOUNDED, max_width=UNBOUNDED)
        texts = [column.name, *(cells[position] for cells, _ in self._rows)]
        measures = [Measurement.get(console, wide, text) for text in texts]
        widest = max(measure.maximum for measure in measures)
        word = max(measure.minimum for measure in measures)
        needed = max(min(column.least, widest), min(word, LONGEST)) if column.wraps else widest
        return Measurement(needed, widest)

    def _room(self, positions: Sequence[int], console: Console) -> int:
        """The characters that lines and padding leave for the cells of some columns."""
        bare = self._build(positions, [1] * len(positions))
        return console.width - Measurement.get(console, console.options, bare).maximum + len(positions)

    def _build(self, positions: Sequence[int], widths: Sequence[int]) -> RichTable:
        table = RichTable(**self._look)
        for position, width in zip(positions, widths, strict=True):
            column = self._columns[position]
            table.add_column(column.name, justify=column.justify, overflow="fold", width=width)
        for cells, style in self._rows:
            table.add_row(*(cells[position] for position in positions), style=style)
        return table


def shares(sizes: Sequence[Measurement], room: int) -> list[int]:
    """Return the width of each column.

    Each has what it needs, and the rest goes to the one that lacks most; if not even that fits, the widest give way.

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
