"""The datasets in a flywheel's lake, and their rows. A dataset exists if, and only if, its card does."""

import json
from dataclasses import asdict
from itertools import chain
from pathlib import Path

import pyarrow as pa
from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from volant.config import STRICT
from volant.errors import VolantError
from volant.workspace import paths
from volant.workspace.files import read_table, sha256, write_text
from volant.workspace.paths import SIDES, Side, checked, home


@dataclass(frozen=True, config=STRICT)
class Card:
    """The card of one dataset, stored as JSON beside its rows.

    Attributes:
        name: The user's name for it, `-`, and the first 8 digits of `sha256`.
        flywheel: Name of the flywheel.
        split: Side of its rows.
        origin: Files or addresses of its rows, as the user wrote them.
        format: Detected format of these.
        rows: Number of rows.
        labels: Number of rows with each label.
        time: Time of the ingest, ISO 8601 in UTC.
        number: Number among the datasets of this flywheel, from 1, which makes their order unique.
        sha256: Hash of the Parquet file.
        unused: Reason why no iteration uses it any more; None if it is used.
    """

    name: str
    flywheel: str
    split: Side
    origin: str
    format: str
    rows: int
    labels: dict[str, int]
    time: str
    number: int
    sha256: str
    unused: str | None = None

    @property
    def order(self) -> tuple[str, int, str]:
        """Return the sort key of datasets, oldest first."""
        return self.time, self.number, self.name


def cards(flywheel: str, root: Path = Path()) -> list[Card]:
    """Return every dataset of a flywheel, of both sides, oldest first, unused ones too.

    Fails with `VolantError` if a card is broken, or belongs elsewhere.
    """
    lake = paths.lake(checked(flywheel, "flywheel"), root)  # without creating it
    files = chain.from_iterable((lake / side).glob("*.json") for side in SIDES)
    return sorted(map(_read, files), key=lambda card: card.order)


def write(card: Card, root: Path = Path()) -> None:
    """Write a card, completely or not at all: this creates the dataset."""
    text = json.dumps(asdict(card), indent=2, ensure_ascii=False)
    write_text(text + "\n", home(card.flywheel, card.split, root) / f"{card.name}.json")


def rows_path(card: Card, root: Path = Path()) -> Path:
    """Return the path of the rows of a dataset."""
    return home(card.flywheel, card.split, root) / f"{card.name}.parquet"


def tables(flywheel: str, split: str, root: Path = Path()) -> list[tuple[Card, pa.Table]]:
    """Return the used datasets of one side with their rows, oldest first.

    Fails with `VolantError` if rows are missing, or are not those that the card was written for.

    Args:
        flywheel: Name of the flywheel.
        split: Side, `train` or `test`.
        root: Root of the project.
    """
    used = [card for card in cards(flywheel, root) if card.split == split and not card.unused]
    return [(card, rows(card, root)) for card in used]


def rows(card: Card, root: Path = Path()) -> pa.Table:
    """Return the rows of a dataset, after a check that their bytes are those that were ingested.

    Raises:
        VolantError: If they are not on this machine, or were changed.
    """
    path = rows_path(card, root)
    if not path.exists():
        raise VolantError(f"{path} is not on this machine. Fetch it from the lake with `dvc pull {path}.dvc`.")
    if sha256(path) != card.sha256:
        raise VolantError(
            f"{path} was changed after it was ingested: its sha256 differs from that of its card. "
            f"A dataset never changes; restore it with `dvc checkout --force {path}.dvc`."
        )
    return read_table(path)


def prepared(flywheel: str, root: Path = Path()) -> list[str]:
    """Return the names of the datasets that the last `prepare` read, without later ones."""
    import pyarrow.parquet as pq

    names: set[str] = set()
    for path in sorted(paths.prepared(flywheel, root).glob("*.parquet")):
        with pq.ParquetFile(path) as file:  # pq.read_table would import pandas, where it is installed
            if "dataset" in file.schema_arrow.names:
                names |= set(file.read(["dataset"])["dataset"].unique().to_pylist())
    return [card.name for card in cards(flywheel, root) if card.name in names]


def _read(path: Path) -> Card:
    try:
        card = TypeAdapter(Card).validate_json(path.read_bytes())
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise VolantError(
            f"{path}: broken card ({where} {problem['msg']}). Restore it with `git checkout {path}`."
        ) from error
    if (card.name, card.split, card.flywheel) != (path.stem, path.parent.name, path.parts[-4]):
        raise VolantError(
            f"{path} is the card of {card.flywheel}/{card.split}/{card.name}. Move it back there, with its rows."
        )
    return card
