"""The user's own files: CSV, TSV, JSON Lines or Parquet, on this disk or at any address that fsspec opens (s3://…)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

import pyarrow as pa
from pydantic import Field
from pydantic.dataclasses import dataclass

from volant.config import STRICT
from volant.errors import VolantError, did_you_mean
from volant.sources.columns import to_rows
from volant.sources.formats import MAX_LINE, Format, Sheet, read_sheet, slots
from volant.sources.mapping import Columns


@dataclass(frozen=True, config=STRICT)
class Files:
    """A source with one file per split; `conf/source/files.yaml` describes each field."""

    train: str
    validation: str | None = None
    test: str | None = None
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    quote: str | None = Field(default='"', min_length=1, max_length=1)
    encoding: str | None = None
    header: list[str] | None = None
    escape: str | None = Field(default=None, min_length=1, max_length=1)
    max_line: int = Field(default=MAX_LINE, ge=1024)
    documents: str | None = None
    columns: Columns = Field(default_factory=Columns)
    watch: dict[str, str] = Field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a file whose changes DVC would not detect, as its old rows would silently stay in use.

        Raises:
            ValueError: If a split's file is neither watched nor under a folder that is; pydantic reports it.
        """
        for split in ("train", "validation", "test"):
            path = getattr(self, split)
            if path and self.watch and not any(_covers(watched, path) for watched in self.watch.values()):
                raise ValueError(
                    f"{split} file '{path}' is not watched: set watch.{split} to `${{..{split}}}`, "
                    "or a watch to a folder that contains it"
                )
            folder = str(PurePosixPath(path).parent) if path and slots.is_slots(path) else self.documents
            if folder and self.watch and not any(_covers(watched, folder) for watched in self.watch.values()):
                raise ValueError(
                    f"'{folder}' is not watched: set watch.{split} to it, or to a folder that contains it and {path}"
                )

    def read(self, kind: str) -> dict[str, pa.Table]:
        """Read each file.

        Fails with `VolantError` if a file can't be found or read, or its columns or labels aren't as configured.
        """
        form = Format(
            self.delimiter,
            self.quote,
            None,
            self.header,
            self.max_line,
            self.escape,
            fallback=self.encoding,
            tags=tuple(self.columns.tags),
            documents=self.documents,
        )
        inside = slots.splits(self.train)
        train = inside.get("train", self.train)
        validation = self.validation or inside.get("validation")
        paths = {"train": train, "validation": validation, "test": self.test or inside.get("test")}
        return {split: self._rows(path, form, kind) for split, path in paths.items() if path}

    def _rows(self, path: str, form: Format, kind: str) -> pa.Table:
        sheet = read_sheet_of(path, form, self.columns.attributes, kind)
        return to_rows(sheet.table, self.columns, kind, path, sheet.lines)


def read_sheet_of(path: str, form: Format, labels: Sequence[str] = (), kind: str | None = None) -> Sheet:
    """Read one local or remote file as a table, with its lines and its detected format.

    Fails with `VolantError` if it can't be found or read.

    Args:
        path: Local path, or any address that fsspec opens.
        form: Format of the file; what it leaves open is detected.
        labels: Label attributes of a manifest, by preference.
        kind: Kind of the flywheel, if there is one.
    """
    path = slots.words_file(path)
    with opened(path) as raw:
        # a remote file is read several times, but downloaded once
        data = cast(BinaryIO, BytesIO(raw.read())) if "://" in path else raw
        return read_sheet(data, path, form, opened, labels, kind)


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """Open a local path or a URL for reading bytes.

    Raises:
        VolantError: If it does not exist, is a folder, can't be read, or its protocol requires an extra.
    """
    try:
        file = _remote(path) if "://" in path else Path(path).expanduser().open("rb")
    except FileNotFoundError as error:
        local = "" if "://" in path else f"{_nearby(path)} Paths are relative to the project's root."
        raise VolantError(f"{path} does not exist.{local}") from error
    except IsADirectoryError as error:
        raise VolantError(f"{path} is a folder; name one file in it.") from error
    except ImportError as error:
        raise VolantError(f"{path} requires an extra: pip install 'volant-nlp[s3]' ({error}).") from error
    except Exception as error:
        # Each storage has its own exceptions for credentials, permission and network.
        raise VolantError(
            f"{path} can't be opened: {error}. Check its address, your permissions and AWS_* settings "
            "(AWS_ENDPOINT_URL for a server that isn't Amazon's)."
        ) from error
    with file:
        yield file


def require_plain(path: str) -> None:
    """Refuse an address that storage reads as a pattern or a query, as DVC would watch another object.

    Raises:
        VolantError: If it contains `?`, `*`, `[`, `]` or `#`.
    """
    if "://" in path and (sign := next((sign for sign in "?*[]#" if sign in path), None)):
        raise VolantError(
            f"{path}: '{sign}' can't be part of an address: storage reads it as a pattern or a query. "
            "Name one object without it; rename the object if its name has it."
        )


def _remote(path: str) -> BinaryIO:
    import fsspec

    return cast(BinaryIO, cast(fsspec.core.OpenFile, fsspec.open(path, "rb")).open())


def _nearby(path: str) -> str:
    folder = Path(path).expanduser().parent
    return did_you_mean(Path(path).name, [p.name for p in folder.iterdir()]) if folder.is_dir() else ""


def _covers(watched: str, path: str) -> bool:
    """Return whether `path` is the watched file or is under the watched folder."""
    return PurePosixPath(path).is_relative_to(watched)
