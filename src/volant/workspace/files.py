"""Files that are written whole or not at all: Parquet, text, and their digests."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    import pyarrow as pa


def read_table(path: Path, columns: list[str] | None = None) -> "pa.Table":
    """Read a Parquet file of rows.

    Raises:
        FileNotFoundError: If a stage before has not written the file; says which command does.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist. Make it with `dvc repro`, or fetch it with `dvc pull`.")
    import pyarrow.parquet as pq  # here: with its file systems it takes longer to import than all of pyarrow

    table = pq.ParquetFile(path).read(columns)  # `read_table` of pyarrow would import pandas
    return table.select(columns) if columns else table


def write_table(table: "pa.Table", path: Path) -> None:
    """Write rows as Parquet: the same rows give the same bytes, and a crash leaves no half file."""
    import pyarrow.parquet as pq

    with whole(path) as part:
        pq.write_table(table.replace_schema_metadata(None), part, compression="zstd")


def write_text(text: str, path: Path) -> None:
    r"""Write a text file whole or not at all (UTF-8, `\\n` line ends)."""
    with whole(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary file that becomes `path` when the block ends well, and is gone when it doesn't.

    Raises:
        OSError: If the disk takes no more; it names `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = part_path(path)
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        if error.errno and error.filename in (None, str(part)):  # the name that the user knows
            error.filename = str(path)
        raise
    finally:
        part.unlink(missing_ok=True)


def private(folder: Path) -> Path:
    """Make a folder that only its owner reads, or take others' rights from one that is there; returns it.

    What is above it is made as usual.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        with suppress(PermissionError):  # of another owner, who gave us rights
            folder.chmod(0o700)
    return folder


def sha256(path: Path) -> str:
    """The sha256 of a file in hex, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def part_path(path: Path) -> Path:
    """A temporary name beside `path`, on the same file system so that a rename is atomic."""
    return path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
