"""Access to S3: short timeouts, a check of permissions, clear error messages.

Credentials and region come from the usual `AWS_*` variables (or files and roles, as botocore finds them), and
never from Volant's config: https://boto3.amazonaws.com/v1/documentation/api/latest/guide/configuration.html
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING
from uuid import uuid4

from volant.errors import VolantError

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.exceptions import ClientError

# a user waits for the result: give up after about 8 s, where botocore's defaults take minutes
TIMEOUTS = {"connect_timeout": 3, "read_timeout": 3, "retries": {"total_max_attempts": 2, "mode": "standard"}}
EXTRA = ("botocore", "boto3", "dvc_s3")  # a service needs only the first, DVC and MLflow the others
KEYS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
PERMISSIONS = {"PutObject": "write", "GetObject": "read", "ListObjectsV2": "list", "DeleteObject": "delete"}
# error codes, with the next step: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
WRONG_KEY = f"refuses the key. Set {KEYS} for this server, and AWS_DEFAULT_REGION for its region."
EXPIRED = "reports that the session has expired or the clock is wrong. Log in again, or set the clock."
REGION = "has this bucket in another region. Set AWS_DEFAULT_REGION to the bucket's region."
REFUSALS = {
    "AuthorizationHeaderMalformed": WRONG_KEY,
    "ExpiredToken": EXPIRED,
    "IllegalLocationConstraintException": REGION,
    "InvalidAccessKeyId": WRONG_KEY,
    "InvalidToken": WRONG_KEY,
    "NoSuchBucket": "has no such bucket. Make it, or give one that exists: volant lake s3://BUCKET/PREFIX.",
    "PermanentRedirect": REGION,
    "RequestTimeTooSkewed": EXPIRED,
    "SignatureDoesNotMatch": WRONG_KEY,
}
FAILURES = {
    "ConnectTimeoutError": "does not answer. Check the network, --endpoint-url, and that it runs.",
    "ConnectionClosedError": "closes the connection. Check --endpoint-url: does an S3 server listen there?",
    "EndpointConnectionError": "can't be reached. Check the network, --endpoint-url, and that it runs.",
    "NoCredentialsError": f"requires credentials. Set {KEYS}.",
    "PartialCredentialsError": f"requires complete credentials. Set {KEYS}.",
    "ProfileNotFound": f"requires credentials, and AWS_PROFILE names none. Correct it, or set {KEYS}.",
    "ProxyConnectionError": "can't be reached through the proxy. Check HTTPS_PROXY and NO_PROXY.",
    "ReadTimeoutError": "accepts the connection but does not answer. Check --endpoint-url and the server.",
    "SSLError": "offers no secure connection. Check https:// or http://, or set AWS_CA_BUNDLE.",
}


def check(bucket: str, prefix: str, endpoint_url: str | None = None) -> dict[str, float]:
    """Write a small object, read it, list it, delete it; return the seconds that each step took.

    A write-once bucket, where nothing may be deleted, is accepted: the result then has no `delete`.

    Args:
        bucket: Name of the bucket.
        prefix: Prefix of the object's key.
        endpoint_url: Address of the server; None for Amazon's.

    Raises:
        VolantError: If a step fails; the message names the permission or setting to change.
    """
    require(*EXTRA)  # if one of them were missing, DVC or MLflow would fail later, with an obscure error
    body = uuid4().bytes
    key = f"{prefix}/.volant-check-{body.hex()}".lstrip("/")
    seconds: dict[str, float] = {}
    with explained(bucket, endpoint_url):
        s3 = client(endpoint_url)
        with _timed(seconds, "write"):
            s3.put_object(Bucket=bucket, Key=key, Body=body)
        with _timed(seconds, "read"):
            read = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        with _timed(seconds, "list"):
            s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
        with _write_once(), _timed(seconds, "delete"):
            s3.delete_object(Bucket=bucket, Key=key)
    if read != body:
        raise VolantError(f"s3://{bucket} returned other bytes than were written. Is a cache in between?")
    return seconds


def client(endpoint_url: str | None = None) -> "BaseClient":
    """Return a botocore S3 client; without an endpoint, `AWS_ENDPOINT_URL` applies.

    If botocore is not installed, this causes a `VolantError`.
    """
    require("botocore")
    import botocore.session
    from botocore.config import Config

    session = botocore.session.get_session()
    return session.create_client("s3", endpoint_url=endpoint_url, config=Config(**TIMEOUTS))


def require(*names: str) -> None:
    """Check that packages of the extra `s3` are installed.

    Raises:
        VolantError: If one is missing; the message says how to install it.
    """
    missing = [name for name in names if not find_spec(name)]
    if missing:
        raise VolantError(
            f"S3 needs {', '.join(missing)}. Install it with `pip install 'volant-nlp[s3]'`, for a package with "
            "`volant package NAME --with s3`."
        )


@contextmanager
def explained(bucket: str, endpoint_url: str | None = None) -> Iterator[None]:
    """Replace errors of botocore by a message with the server, the bucket and the next step.

    Args:
        bucket: Name of the bucket.
        endpoint_url: Address of the server; None for Amazon's.

    Raises:
        VolantError: If the body of the `with` statement raises an error of botocore.
    """
    require("botocore")
    from botocore.exceptions import BotoCoreError, ClientError

    where = f"{endpoint_url or 'S3'} (bucket '{bucket}')"
    try:
        yield
    except ClientError as error:
        raise VolantError(f"{where} {_refusal(error)}") from error
    except (BotoCoreError, ValueError) as error:
        reason = FAILURES.get(type(error).__name__, f"can't be used: {error}")
        raise VolantError(f"{where} {reason}") from error


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[step] = time.perf_counter() - start


@contextmanager
def _write_once() -> Iterator[None]:
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if _status(error) != 403:
            raise


def _refusal(error: "ClientError") -> str:
    """Return the message for an error response: by its code if that is known, else by its HTTP status."""
    code = error.response.get("Error", {}).get("Code", "")
    status = _status(error)
    if code in REFUSALS:
        return f"{REFUSALS[code]} ({error.operation_name}: {code})"
    permission = PERMISSIONS.get(error.operation_name, error.operation_name)
    if status in (401, 403):
        return f"does not let this key {permission} ({code}). Request that permission, or set another key: {KEYS}."
    return f"refused to {permission}: {error}"


def _status(error: "ClientError") -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
