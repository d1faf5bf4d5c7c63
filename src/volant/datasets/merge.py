"""The merge of the source's rows with those of the lake; a column names the dataset of each row."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import starmap
from pathlib import Path

import pyarrow as pa

from volant.datasets.catalogue import Card, cards, tables
from volant.errors import VolantError
from volant.workspace.paths import SIDES

COLUMN = "dataset"
SOURCE = "source"


@dataclass(frozen=True)
class Gathered:
    """All rows of a flywheel before they are split.

    Attributes:
        source: Rows of the source by split; of a flywheel without one, its oldest TRAIN dataset.
        lake: `train` and `test` rows of the datasets, with the extra column `dataset`; a side without rows is missing.
    """

    source: dict[str, pa.Table]
    lake: dict[str, pa.Table] = field(default_factory=dict)

    @property
    def all(self) -> list[pa.Table]:
        """Return every table."""
        return [*self.source.values(), *self.lake.values()]


def gather(flywheel: str, source: dict[str, pa.Table], root: Path = Path()) -> Gathered:
    """Return the rows of the source with the used datasets of the lake.

    Without a source, the oldest TRAIN dataset takes its place, and test rows are split from it only if no TEST dataset
    is older: so a later dataset never moves a row from one side to the other.

    Args:
        flywheel: Name of the flywheel.
        source: Rows of the source by split.
        root: Root of the project.

    Raises:
        VolantError: If there are no rows at all, or rows of a dataset can't be read.
    """
    used = {side: tables(flywheel, side, root) for side in SIDES}
    if not source:
        if not used["train"]:
            raise VolantError(
                f"{flywheel} has no train rows: its source is the lake, which has no TRAIN dataset. "
                f"Add one: `volant ingest {flywheel} FILE --split train`."
            )
        oldest_used, *used["train"] = used["train"]
        source = {"train": _named(*oldest_used)}
        # the oldest TRAIN dataset counts even if it is unused by now: versions were trained on all rows of the next one
        oldest_card = next(card for card in cards(flywheel, root) if card.split == "train")
        if oldest_card.unused or any(card.order < oldest_used[0].order for card, _ in used["test"]):
            source["test"] = source["train"].slice(0, 0)
    return Gathered(source, {side: join(list(starmap(_named, used[side]))) for side in SIDES if used[side]})


def added(source: pa.Table, lake: pa.Table | None) -> pa.Table:
    """Return the source's rows, then the lake's; the same table if the lake has none."""
    if lake is None:
        return source
    return join([source if COLUMN in source.column_names else _marked(source, SOURCE), lake])


def join(parts: Sequence[pa.Table]) -> pa.Table:
    """Return the rows of several datasets, with unique ids: a repeated one gets its dataset's name as well."""
    return _unique_ids(concat(parts))


def concat(parts: Sequence[pa.Table]) -> pa.Table:
    """Return tables one after the other; a column that one lacks is empty there, one of several types becomes text."""
    types: dict[str, set[pa.DataType]] = {}
    for part in parts:
        for column in part.schema:
            types.setdefault(column.name, set()).add(column.type)
    texts = {name for name, column_types in types.items() if len(column_types - {pa.null()}) > 1}
    return pa.concat_tables([_as_text(part, texts) for part in parts], promote_options="default").combine_chunks()


def _named(card: Card, table: pa.Table) -> pa.Table:
    return _marked(table, card.name)


def _marked(table: pa.Table, name: str) -> pa.Table:
    if COLUMN in table.column_names:  # the source's own of that name
        table = table.rename_columns([f"source_{c}" if c == COLUMN else c for c in table.column_names])
    return table.append_column(COLUMN, pa.repeat(pa.scalar(name), table.num_rows))


def _as_text(table: pa.Table, names: set[str]) -> pa.Table:
    for place, name in enumerate(table.column_names):
        if name in names:
            table = table.set_column(place, name, table[name].cast(pa.string()))
    return table


def _unique_ids(table: pa.Table) -> pa.Table:
    taken_ids: set[str] = set()
    ids = []
    for row, dataset in zip(table["id"].to_pylist(), table[COLUMN].to_pylist(), strict=True):
        ids.append(f"{row}-{dataset}" if row in taken_ids else row)
        taken_ids.add(row)
    return table.set_column(table.column_names.index("id"), "id", pa.array(ids, pa.string()))
