"""The lake: one place for datasets, bundles and MLflow's artifacts, in a local folder or on S3.

DVC's default remote (`lake` in `.dvc/config`) is the single source of truth. It never contains credentials.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from volant.errors import VolantError
from volant.workspace import dvc_config, s3
from volant.workspace.dvc_config import RESTORE
from volant.workspace.files import write_text

NEEDS_DVC = "The lake needs DVC. Install it with `pip install 'volant-nlp[train]'`."
REMOTE = "lake"
SECTION = f'remote "{REMOTE}"'
FOLDER = Path(".lake")
ALLOWED = "Give s3://BUCKET/PREFIX (and --endpoint-url http://HOST:PORT for a server other than Amazon's), or a folder"
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True)
class Lake:
    """The location of a lake.

    Attributes:
        url: `s3://bucket/prefix`, or an absolute path.
        endpoint_url: Address of the S3 server; None for Amazon's.
    """

    url: str
    endpoint_url: str | None = None

    @property
    def on_s3(self) -> bool:
        """True if it is on S3, or on another server with the same protocol."""
        return self.url.startswith("s3://")


def parse(target: str, endpoint_url: str | None = None) -> Lake:
    """Return the lake at an address that a user typed, validated and normalised.

    Args:
        target: `s3://bucket/prefix`, or a folder.
        endpoint_url: Address of the S3 server; None for Amazon's.

    Raises:
        VolantError: If it is neither an S3 address nor a folder, or contains credentials.

    Example:
        >>> parse("s3://flywheels/team/", "http://127.0.0.1:9000")
        Lake(url='s3://flywheels/team', endpoint_url='http://127.0.0.1:9000')
    """
    if not re.match(r"\w{2,}:/", target):
        if endpoint_url or not target.strip():
            raise VolantError(f"'{target}' is not on S3, so it can't have an endpoint. {ALLOWED}.")
        return Lake(str(Path(target).expanduser().resolve()))
    bucket, _, prefix = target.removeprefix("s3://").partition("/")
    if not target.startswith("s3://") or "@" in bucket:
        raise VolantError(f"The lake can't be at {urlsplit(target).scheme}://{_redacted(target)}. {ALLOWED}.")
    if not BUCKET.fullmatch(bucket):
        raise VolantError(f"'{bucket}' is not a valid bucket: 3 to 63 of a-z, 0-9, '-' and '.'. {ALLOWED}.")
    return Lake("/".join([f"s3://{bucket}", *filter(None, prefix.split("/"))]), _endpoint(endpoint_url))


def current(root: Path = Path()) -> Lake:
    """Return the present lake: DVC's default remote, or `.lake` in the project if none is set.

    A DVC config that can't be read causes a `VolantError`.
    """
    folder = root / ".dvc"
    options = dvc_config.remote(folder, REMOTE) if folder.is_dir() else {}
    return Lake(options.get("url") or str((root / FOLDER).resolve()), options.get("endpointurl"))


def point(lake: Lake, root: Path = Path()) -> dict[str, float]:
    """Set the project's lake after checking it; return the measurements of `check`.

    Raises:
        VolantError: If it can't be used, or another file overrides the setting; `.dvc/config` is not changed then.
    """
    path = root / ".dvc" / "config"
    if not path.parent.is_dir():
        raise VolantError(
            f"{path.parent} does not exist. Run this in the root of a project (`dvc init` makes a new one)."
        )
    config = _read(path)
    _refuse_override(_read(path.with_name("config.local")))
    seconds = check(lake)
    config[SECTION] = _remote(lake, config.get(SECTION, {}), path.parent)
    config["core"] = {**config.get("core", {}), "remote": REMOTE}
    written = BytesIO()
    config.write(written)
    write_text(written.getvalue().decode("utf-8"), path)
    return seconds


def check(lake: Lake) -> dict[str, float]:
    """Write, read, list and delete a small object; return the seconds that each step took.

    Raises:
        VolantError: If a step fails; the message names it, and says why.
    """
    if lake.on_s3:
        bucket, _, prefix = lake.url.removeprefix("s3://").partition("/")
        return s3.check(bucket, prefix, lake.endpoint_url)
    if "://" in lake.url:
        raise VolantError(f"The lake is at {lake.url}, which Volant can't check. {ALLOWED}.")
    return _check_folder(Path(lake.url))


def artifacts_url(lake: Lake) -> str:
    """Return the address where MLflow stores the files of its runs.

    Example:
        >>> artifacts_url(Lake("s3://flywheels/team"))
        's3://flywheels/team/mlflow'
    """
    return f"{lake.url}/mlflow"


def report(lake: Lake, seconds: Mapping[str, float]) -> str:
    """Return the output of `volant lake`: the locations, and the steps that were checked.

    Args:
        lake: The lake.
        seconds: Duration of each step of `check`.

    Example:
        >>> print(report(Lake("s3://flywheels/team"), {"write": 0.021, "read": 0.009}))
        The lake is at  s3://flywheels/team
        data, bundles   s3://flywheels/team/files  (dvc push, dvc pull)
        MLflow's files  s3://flywheels/team/mlflow
        checked         write 21 ms, read 9 ms
    """
    at = f"  on {lake.endpoint_url}" if lake.endpoint_url else ""
    lines = {
        "The lake is at": lake.url + at,
        "data, bundles": f"{lake.url}/files  (dvc push, dvc pull)",
        "MLflow's files": artifacts_url(lake),
        "checked": ", ".join(f"{step} {1000 * took:.0f} ms" for step, took in seconds.items()),
    }
    return "\n".join(f"{name:<14}  {value}" for name, value in lines.items())


def command(target: str | None, endpoint_url: str | None = None, root: Path = Path()) -> str:
    """Move the lake, or only check it, as `volant lake [TARGET]` does; return the report to print.

    Args:
        target: New location; None checks the present one.
        endpoint_url: Address of the S3 server; None for Amazon's.
        root: The project's root.

    Raises:
        VolantError: If an endpoint is given without a target; also as in `parse`, `point` and `check`.
    """
    if target is None:
        if endpoint_url:
            raise VolantError(f"--endpoint-url {_redacted(endpoint_url)} without a bucket. {ALLOWED}.")
        lake = current(root)
        return report(lake, check(lake))
    lake = parse(target, endpoint_url)
    return report(lake, point(lake, root)) + "\nCopy there what is on this machine with `dvc push`."


def _check_folder(folder: Path) -> dict[str, float]:
    probe = folder / f".volant-check-{uuid4().hex}"
    start = time.perf_counter()
    try:
        write_text(probe.name, probe)
        wrote = time.perf_counter()
        probe.read_text(encoding="utf-8")
        read = time.perf_counter()
        probe.unlink()
    except OSError as error:
        raise VolantError(
            f"The folder {folder} can't be used as the lake: {error}. Fix its permissions, or give another folder."
        ) from error
    return {"write": wrote - start, "read": read - wrote, "delete": time.perf_counter() - read}


def _endpoint(url: str | None) -> str | None:
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise VolantError(
            f"--endpoint-url {_redacted(url)} is not an address such as http://127.0.0.1:9000; "
            f"credentials go into {s3.KEYS}."
        )
    return url.rstrip("/")


def _redacted(url: str) -> str:
    """Return an address without its scheme and credentials, as an error may be logged."""
    return url.rpartition("://")[2].rpartition("@")[2]


def _refuse_override(local: Mapping[str, Any]) -> None:
    """Refuse a `.dvc/config.local` that sets the lake: it overrides `.dvc/config`, so a change would have no effect.

    Raises:
        VolantError: If it does.
    """
    if SECTION in local or "remote" in local.get("core", {}):
        raise VolantError(f".dvc/config.local sets the lake. Remove `remote` and [{SECTION}] from it.")


def _remote(lake: Lake, before: Mapping[str, str], dvc: Path) -> dict[str, str]:
    """Return the options of the remote; others, such as `profile` or `sse`, stay if the lake moves within S3."""
    both_s3 = lake.on_s3 and str(before.get("url")).startswith("s3://")
    options = {**before} if both_s3 else {}
    options.pop("endpointurl", None)
    options["url"] = _relative(lake.url, dvc)
    return options | ({"endpointurl": lake.endpoint_url} if lake.endpoint_url else {})


def _relative(url: str, dvc: Path) -> str:
    """Return a folder inside the project relative to `.dvc/`, so that every clone has its own."""
    root = dvc.resolve().parent
    inside = "://" not in url and Path(url).is_relative_to(root)
    return f"../{Path(url).relative_to(root).as_posix()}" if inside else url


def _read(path: Path) -> Any:
    try:
        from configobj import ConfigObj, ConfigObjError
    except ImportError as error:
        raise VolantError(NEEDS_DVC) from error

    try:
        return ConfigObj(str(path), encoding="utf-8", interpolation=False)
    except (ConfigObjError, UnicodeDecodeError) as error:
        raise VolantError(f"{path} can't be read ({error}). {RESTORE}") from error
