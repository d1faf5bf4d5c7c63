"""DVC's config, read without DVC: a service must know the lake, and has no DVC, which takes long to import."""

import os
import re
from configparser import Error, RawConfigParser
from pathlib import Path

from volant.errors import VolantError

RESTORE = "Fix it, or restore it with `git checkout .dvc/config`."
QUOTED = re.compile(r"""(['"])(.*?)\1\s*(?:#.*)?""")
Sections = dict[str, dict[str, str]]


def remote(folder: Path, default: str) -> dict[str, str]:
    r"""The options of the default remote, as DVC reads them: of the system, the user, the project and this clone.

    Args:
        folder: The project's `.dvc`.
        default: Name of the remote where none is named.

    Raises:
        VolantError: If a file can't be read.

    Source: https://dvc.org/doc/command-reference/config#description

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as name:
        ...     _ = Path(name, "config").write_text("['remote \"lake\"']\n    url = s3://bucket/team  # ours")
        ...     remote(Path(name), "lake")["url"]
        's3://bucket/team'
    """
    merged: Sections = {}
    for path in (*_outside(), folder / "config", folder / "config.local"):
        for name, options in _read(path).items():
            resolved = options | ({"url": _resolved(options["url"], path.parent)} if "url" in options else {})
            merged[name] = merged.get(name, {}) | resolved
    return merged.get(f'remote "{merged.get("core", {}).get("remote", default)}"', {})


def _outside() -> list[Path]:
    """Return the config files of all projects: where they are on Linux, unless a variable says otherwise."""
    of_user = Path(os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config"))
    of_system = os.environ.get("XDG_CONFIG_DIRS", "").partition(os.pathsep)[0] or "/etc/xdg"
    return [
        Path(os.environ.get("DVC_SYSTEM_CONFIG_DIR") or Path(of_system) / "dvc") / "config",
        Path(os.environ.get("DVC_GLOBAL_CONFIG_DIR") or of_user / "dvc") / "config",
    ]


def _read(path: Path) -> Sections:
    """Sections, with names such as `remote "lake"`, and their options; names in lower case, as DVC has them."""
    if not path.is_file():
        return {}
    parser = RawConfigParser(delimiters=("=",), comment_prefixes=("#",), default_section="", allow_no_value=False)
    try:
        # to DVC it means nothing how far a line is indented; to this parser, that it goes on with the one before
        parser.read_string("\n".join(line.strip() for line in path.read_text(encoding="utf-8").splitlines()))
        found = {name: {key: _plain(value) for key, value in parser[name].items()} for name in parser.sections()}
    except (Error, ValueError, OSError) as error:
        raise VolantError(f"{path} can't be read ({error}). {RESTORE}") from error
    return {_section(name): options for name, options in found.items()}


def _section(name: str) -> str:
    r"""A section's name without the quotes around it.

    Example:
        >>> _section("'remote \"Lake\"'")
        'remote "lake"'
    """
    return re.sub(r'^(remote)\s*"', r'\1 "', _plain(name).strip().lower())


def _plain(value: str) -> str:
    """A value without its quotes and without a comment.

    Example:
        >>> _plain("'a # b'  # c"), _plain("a # c")
        ('a # b', 'a')
    """
    if quoted := QUOTED.fullmatch(value):
        return quoted[2]
    return value.partition("#")[0].strip()


def _resolved(url: str, folder: Path) -> str:
    """Resolve a folder, which is relative to the file that names it, or begins with `~`."""
    if re.match(r"\w+://", url):
        return url
    path = os.path.expanduser(url)
    return path if os.path.isabs(path) else os.path.abspath(folder / path)
