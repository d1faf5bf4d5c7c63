"""Atomic writes of Parquet and text files, and digests of files."""

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

    Args:
        path: The file.
        columns: Columns to read; None reads all.

    Raises:
        FileNotFoundError: If no stage has written the file yet; the message names the command that does.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist. Make it with `dvc repro`, or fetch it with `dvc pull`.")
    import pyarrow.parquet as pq  # slow: it imports file systems too

    table = pq.ParquetFile(path).read(columns)  # `read_table` of pyarrow would import pandas
    return table.select(columns) if columns else table


def write_table(table: "pa.Table", path: Path) -> None:
    """Write rows as Parquet: the same rows give the same bytes, and a crash leaves no partial file."""
    import pyarrow.parquet as pq

    with whole(path) as part:
        pq.write_table(table.replace_schema_metadata(None), part, compression="zstd")


def write_text(text: str, path: Path) -> None:
    r"""Write a text file atomically (UTF-8, `\\n` line ends)."""
    with whole(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path that is renamed to `path` if the body succeeds, and deleted if it fails.

    Raises:
        OSError: If the file can't be written, such as on a full disk; it names `path` instead of the temporary file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = part_path(path)
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        if error.errno and error.filename in (None, str(part)):
            error.filename = str(path)
        raise
    finally:
        part.unlink(missing_ok=True)


def private(folder: Path) -> Path:
    """Create a folder that only its owner can read, or restrict an existing one; return it.

    Its parents are created with the usual permissions.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        with suppress(PermissionError):  # another user owns it, and gave us access
            folder.chmod(0o700)
    return folder


def sha256(path: Path) -> str:
    """Return the sha256 of a file in hex; the file is read in chunks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def part_path(path: Path) -> Path:
    """Return a temporary path beside `path`, on the same file system so that a rename is atomic."""
    return path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
