"""A project with one flywheel and an empty lake; datasets put there without `volant ingest`."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from volant.datasets import catalogue
from volant.datasets.catalogue import Card


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path


def put(root: Path, split: str, table: pa.Table, number: int, flywheel: str = "mine") -> Card:
    """A dataset in the lake, as ingest leaves it."""
    path = catalogue.home(flywheel, split, root) / "part.parquet"
    pq.write_table(table, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    time = f"2026-01-01T00:00:{number:02}+00:00"
    side = "train" if split == "train" else "test"
    card = Card(f"d{number}-{digest[:8]}", flywheel, side, "made up", "made up", len(table), {}, time, number, digest)
    path.rename(catalogue.rows_path(card, root))
    catalogue.write(card, root)
    return card
