"""The store of captures and ground truth, in a local folder or on S3; objects are written atomically."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
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

        Args:
            key: Key of the object.
            text: Content.

        Raises:
            VolantError: If the store can't be written; the message says why.
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
        """Write a file that only its owner can read, in folders that only their owner can read: it holds user data."""
        home = Path(self.lake.url)
        for folder in reversed(key.parents[:-1]):
            private(home / folder)
        with whole(home / key) as part:
            part.touch(mode=0o600)
            part.write_text(text, encoding="utf-8", newline="\n")

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys of the objects in the folder `prefix`, sorted; an S3 error becomes a `VolantError`."""
        if not self.lake.on_s3:
            folder = Path(self.lake.url)
            # the name of a file that is still being written starts with a dot
            paths = (path for path in (folder / prefix).rglob("[!.]*") if path.is_file())
            yield from sorted(path.relative_to(folder).as_posix() for path in paths)
            return
        bucket, name = split(f"{self.lake.url}/{prefix}")
        with s3.explained(bucket, self.lake.endpoint_url):
            pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{name}/")
            objects = list(chain.from_iterable(page.get("Contents", []) for page in pages))
        start = len(name) - len(prefix)
        yield from sorted(entry["Key"][start:] for entry in objects)

    def read(self, key: str) -> str:
        """Return the text of one object.

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
    """Return the store in a project's lake: `VOLANT_LAKE` if it is set, else DVC's remote, else `.lake`.

    A packaged service has neither DVC nor a project: it uses the variable, or a folder beside itself. An invalid or
    unreadable setting causes a `VolantError`.
    """
    if target := os.environ.get(VARIABLE):
        return Store(lake.parse(target))
    if not (root / ".dvc").is_dir():
        return Store(Lake(str((root / lake.FOLDER).resolve())))
    return Store(lake.current(root))


def split(url: str) -> tuple[str, str]:
    """Return the bucket and the key of an `s3://` address.

    Example:
        >>> split("s3://bucket/some/key.csv")
        ('bucket', 'some/key.csv')
    """
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bucket, key
