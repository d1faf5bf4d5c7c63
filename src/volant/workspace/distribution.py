"""Volant's distribution on the package index: name, version, requirements.

Its name is `volant-nlp`, since `volant` is another project there. The import name and the command are `volant`.
"""

import re
from importlib.metadata import PackageNotFoundError, requires, version

from volant.errors import VolantError

NAME = "volant-nlp"
# packages of an extra that a service needs; the others are for training, and depend on DVC
SERVICE_ONLY = {"s3": ("botocore",)}


def installed_version() -> str:
    """Return the version of Volant; `unknown` if its source is used without an installation."""
    try:
        return version(NAME)
    except PackageNotFoundError:
        return "unknown"


def requirements(*extras: str) -> list[str]:
    """Return the requirements of Volant and some of its extras, pinned to the installed versions.

    A package that is not installed causes a `VolantError`.

    Args:
        extras: Names of extras in pyproject.toml; none for the base installation.
    """
    pinned: set[str] = set()
    for extra in extras:
        pinned |= {f"{name}=={_installed(name, extra)}" for name in SERVICE_ONLY.get(extra, ())}
    for line in requires(NAME) or []:
        requirement, _, marker = line.partition(";")
        extra = re.search(r"""extra == ["']([^"']+)""", marker)
        if extra and (extra[1] not in extras or extra[1] in SERVICE_ONLY):
            continue
        name = re.split(r"[<>=!~ \[]", requirement.strip(), maxsplit=1)[0]
        platform = "; sys_platform != 'win32'" if "sys_platform" in marker else ""
        pinned.add(f"{name}=={_installed(name, extra[1] if extra else 'serve')}{platform}")
    return sorted(pinned)


def _installed(name: str, extra: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError as error:
        raise VolantError(
            f"A package pins the versions that are installed here, and '{name}' isn't installed. "
            f"Get it with `pip install '{NAME}[{extra}]'`."
        ) from error
