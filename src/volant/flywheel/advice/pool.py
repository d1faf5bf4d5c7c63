"""A pool of texts without labels, without texts already known and without near-duplicates."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from volant.bundle.batch.predicting import read_texts
from volant.config import Flywheel
from volant.datasets import catalogue
from volant.datasets.splits.near_duplicates import clusters
from volant.kinds.rows import text_key
from volant.sources.formats.options import Options
from volant.workspace import paths
from volant.workspace.files import read_table

MOST = 20_000  # texts that are answered: a transformer takes a minute or so for them


@dataclass(frozen=True)
class Pool:
    """Texts to choose from; how many the file holds, how many of those are known, and how many repeat another."""

    texts: list[str]
    rows: int
    known: int
    twins: int


def read_pool(
    file: str, column: str, name: str, flywheel: Flywheel, root: Path = Path(), written: Options | None = None
) -> Pool:
    """The texts of a file that the flywheel's rows don't hold, each once.

    A `VolantError` results if the file can't be read, or has no such column.

    Args:
        file: A local file or an address that fsspec opens.
        column: Column that holds the text.
        name: Of the flywheel.
        flywheel: Its config: similarity of near-duplicates, seed.
        root: The project's root.
        written: How the file is written, as far as it is given.
    """
    texts = list(read_texts(file, column, written))
    known = _known(name, root)
    seen = {text_key(text) for text in known} | {""}
    fresh = [text for text in texts if text_key(text) not in seen]
    first_of: dict[str, str] = {}
    for text in fresh:
        first_of.setdefault(text_key(text), text)
    once = list(first_of.values())
    # more than that are drawn at random, before near-duplicates are looked for: both cost time
    drawn = np.sort(np.random.default_rng(flywheel.seed).permutation(len(once))[:MOST])
    candidates = [once[k] for k in drawn]
    near = clusters(known + candidates, flywheel.split.near_duplicates)
    theirs = near[: len(known)]
    own = near[len(known) :]
    new = ~np.isin(own, theirs)
    first = np.unique(own[new], return_index=True)[1]
    kept = np.flatnonzero(new)[np.sort(first)]
    of_known = int((~new).sum())
    repeats = len(candidates) - int((~new).sum()) - len(kept)
    seen_before = len(texts) - len(fresh) + of_known
    twins = len(fresh) - len(once) + repeats
    return Pool([candidates[k] for k in kept], len(texts), seen_before, twins)


def _known(name: str, root: Path) -> list[str]:
    """Texts of every row that the flywheel has, as they came: those of its last iteration, and those ingested since."""
    prepared = paths.prepared(name, root)
    files = [prepared / f"{split}.parquet" for split in ("train", "validation", "test")]
    found = [read_table(path, ["text"]) for path in files if path.exists()]
    found += [rows for split in catalogue.SIDES for _, rows in catalogue.tables(name, split, root)]
    return [text for table in found for text in table["text"].to_pylist()]
