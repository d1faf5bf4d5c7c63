"""The store of captures and ground truth: a local folder or S3; an object appears whole or not at all."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from volant.errors import VolantError
from volant.workspace import lake, s3
from volant.workspace.files import private, whole
from volant.workspace.lake import Lake

VARIABLE = "VOLANT_LAKE"


@dataclass(frozen=True)
class Store:
    """Small text objects under keys such as `captures/reviews/2026/11/21/14/x.jsonl`."""

    lake: Lake

    def write(self, key: str, text: str) -> None:
        """Write one object.

        Raises:
            VolantError: If the place can't be written; says which and why.
        """
        if self.lake.on_s3:
            bucket, name = split(f"{self.lake.url}/{key}")
            with s3.explained(bucket, self.lake.endpoint_url):
                self._client().put_object(Bucket=bucket, Key=name, Body=text.encode())
            return
        try:
            self._write_private(text, Path(key))
        except OSError as error:
            raise VolantError(
                f"{self.lake.url} can't be written: {error}. Free some space, or fix its permissions."
            ) from error

    def _write_private(self, text: str, key: Path) -> None:
        """Write a file that only its owner reads, as it holds what people sent: also its folders below the lake's."""
        lake = Path(self.lake.url)
        for folder in reversed(key.parents[:-1]):
            private(lake / folder)
        with whole(lake / key) as part:
            part.touch(mode=0o600)
            part.write_text(text, encoding="utf-8", newline="\n")

    def keys(self, prefix: str) -> Iterator[str]:
        """Keys of the objects in the folder `prefix`, in their order.

        Raises:
            VolantError: If S3 can't be asked.
        """
        if not self.lake.on_s3:
            folder = Path(self.lake.url)
            # a file that is still being written has a name with a dot before it
            yield from sorted(p.relative_to(folder).as_posix() for p in (folder / prefix).rglob("[!.]*") if p.is_file())
            return
        bucket, name = split(f"{self.lake.url}/{prefix}")
        with s3.explained(bucket, self.lake.endpoint_url):
            pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{name}/")
            found = [one["Key"] for page in pages for one in page.get("Contents", [])]
        start = len(name) - len(prefix)
        yield from sorted(key[start:] for key in found)

    def read(self, key: str) -> str:
        """The text of one object.

        Raises:
            VolantError: If it can't be read.
        """
        if self.lake.on_s3:
            bucket, name = split(f"{self.lake.url}/{key}")
            with s3.explained(bucket, self.lake.endpoint_url):
                return self._client().get_object(Bucket=bucket, Key=name)["Body"].read().decode()
        try:
            return (Path(self.lake.url) / key).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise VolantError(f"{self.lake.url}/{key} can't be read: {error}.") from error

    def _client(self) -> Any:
        return s3.client(self.lake.endpoint_url)


def store(root: Path = Path()) -> Store:
    """The lake of a project: `VOLANT_LAKE` where it is set, DVC's remote, else `.lake`.

    A packaged service has neither DVC nor a project: it is told by the variable, or keeps things beside itself.

    Raises:
        VolantError: If what names the lake can't be read, or is no lake.
    """
    if named := os.environ.get(VARIABLE):
        return Store(lake.parse(named))
    if not (root / ".dvc").is_dir():
        return Store(Lake(str((root / lake.FOLDER).resolve())))
    return Store(lake.current(root))


def split(url: str) -> tuple[str, str]:
    """Bucket and key of an `s3://` address.

    Example:
        >>> split("s3://bucket/some/key.csv")
        ('bucket', 'some/key.csv')
    """
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bucket, key
