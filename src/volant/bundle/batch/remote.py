"""Input and output files of batch jobs on S3."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from volant.errors import VolantError
from volant.workspace import s3
from volant.workspace.objects import split, store

PIECE = 1024 * 1024


class LaterError(VolantError):
    """A store that is temporarily unavailable; a retry may succeed."""


def endpoint(root: Path = Path()) -> str | None:
    """Return the S3 endpoint of the project's lake if the lake is on S3, else None: botocore's default."""
    with suppress(VolantError):
        return store(root).lake.endpoint_url
    return None


def download(uri: str, path: Path, most: int | None, endpoint_url: str | None) -> None:
    """Download an object to a file, piece by piece.

    Args:
        uri: Address of the object: `s3://BUCKET/KEY`.
        path: File that is written.
        most: Maximum size in bytes; None: no limit.
        endpoint_url: S3 endpoint; None: botocore's default.

    Raises:
        LaterError: If S3 is temporarily unavailable.
        VolantError: If the object doesn't exist, can't be read, or has more than `most` bytes.
    """
    bucket, key = split(uri)
    part = path.with_name(f".{path.name}.part")
    size = 0
    try:
        with _reached(bucket, endpoint_url), part.open("wb") as file:
            client: Any = s3.client(endpoint_url)
            for piece in client.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(PIECE):
                size += len(piece)
                if most is not None and size > most:
                    raise VolantError(f"{uri} has more than {most} bytes (jobs.upload_bytes). Send it in parts.")
                file.write(piece)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def upload(path: Path, uri: str, endpoint_url: str | None) -> None:
    """Upload a file to an object.

    Args:
        path: The file.
        uri: Address of the object: `s3://BUCKET/KEY`.
        endpoint_url: S3 endpoint; None: botocore's default.

    Raises:
        LaterError: If S3 is temporarily unavailable.
        VolantError: If the object can't be written.
    """
    bucket, key = split(uri)
    with _reached(bucket, endpoint_url), path.open("rb") as file:
        client: Any = s3.client(endpoint_url)
        client.put_object(Bucket=bucket, Key=key, Body=file)


@contextmanager
def _reached(bucket: str, endpoint_url: str | None) -> Iterator[None]:
    """Translate the errors of S3, and separate a store that is down, which may recover, from one that refuses.

    Raises:
        LaterError: If S3 is temporarily unavailable.
        VolantError: If S3 refuses the request.
    """
    try:
        with s3.explained(bucket, endpoint_url):
            yield
    except VolantError as error:
        if _passes(error.__cause__):
            raise LaterError(str(error)) from error
        raise


def _passes(error: BaseException | None) -> bool:
    if error is None:  # not an error from S3; botocore itself may be missing
        return False
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status == 429 or status >= 500
    away = (exceptions.ConnectionError, exceptions.HTTPClientError, exceptions.IncompleteReadError)
    return isinstance(error, away)
