"""Files of batch jobs on S3: only under the prefixes that config allows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from volant import s3
from volant.errors import VolantError
from volant.service.refused import RefusedError
from volant.service.store import split

PIECE = 1024 * 1024


def allowed(uri: str, prefixes: Sequence[str]) -> str:
    """The address, if it is one of an object or folder under an allowed prefix.

    Raises:
        RefusedError: If it isn't (422).

    Example:
        >>> allowed("s3://bucket/in/a.csv", ["s3://bucket/in/"])
        's3://bucket/in/a.csv'
    """
    parts = uri.removeprefix("s3://").removesuffix("/").split("/")
    plain = uri.startswith("s3://") and uri.isprintable() and not {"", ".", ".."} & set(parts)
    if plain and any(
        f"{uri}/".startswith(f"{prefix.rstrip('/')}/") for prefix in prefixes if prefix.startswith("s3://")
    ):
        return uri
    shown = ", ".join(prefixes) or "none (jobs.prefixes in service.yaml)"
    raise RefusedError(f"This address is not allowed. Allowed are objects under these prefixes: {shown}.")


def download(uri: str, path: Path, most: int, endpoint_url: str | None) -> None:
    """Bring an object here, piece by piece.

    Raises:
        VolantError: If it is not there, can't be read, or is larger than `most` bytes.
    """
    bucket, key = split(uri)
    part = path.with_name(f".{path.name}.part")
    with s3.explained(bucket, endpoint_url), part.open("wb") as file:
        client: Any = s3.client(endpoint_url)
        size = 0
        for piece in client.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(PIECE):
            size += len(piece)
            if size > most:
                raise VolantError(f"{uri} has more than {most} bytes (jobs.upload_bytes). Send it in parts.")
            file.write(piece)
    part.replace(path)


def upload(path: Path, uri: str, endpoint_url: str | None) -> None:
    """Put a file there.

    Raises:
        VolantError: If it can't be written.
    """
    bucket, key = split(uri)
    with s3.explained(bucket, endpoint_url), path.open("rb") as file:
        client: Any = s3.client(endpoint_url)
        client.put_object(Bucket=bucket, Key=key, Body=file)
