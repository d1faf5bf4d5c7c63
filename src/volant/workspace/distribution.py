"""The distribution that pip knows Volant by and what it needs.

The name on the index is `volant-nlp`: `volant` there is another project. The import name and the command stay `volant`.
"""

import re
from importlib.metadata import PackageNotFoundError, requires, version

from volant.errors import VolantError

NAME = "volant-nlp"
ALONE = {"s3": ("botocore",)}  # of that extra for a service; the others are for training, and bring DVC


def installed_version() -> str:
    """Return the version of Volant, or `unknown` where its source is used without an installation."""
    try:
        return version(NAME)
    except PackageNotFoundError:
        return "unknown"


def requirements(*extras: str) -> list[str]:
    """Return the packages that Volant and some of its extras need, pinned to the versions that are installed here.

    Args:
        extras: Names of extras in pyproject.toml; without any, what the base installation needs.

    Raises:
        VolantError: If one of them is not installed here.
    """
    pinned = {f"{name}=={_installed(name, extra)}" for extra in extras for name in ALONE.get(extra, ())}
    for line in requires(NAME) or []:
        requirement, _, marker = line.partition(";")
        extra = re.search(r"""extra == ["']([^"']+)""", marker)
        if extra and (extra[1] not in extras or extra[1] in ALONE):
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
            f"The versions that are installed here are pinned, and '{name}' isn't installed. "
            f"Get it with `pip install '{NAME}[{extra}]'`."
        ) from error
