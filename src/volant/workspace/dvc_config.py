"""A reader of DVC's config without DVC, which a service doesn't have and which takes long to import."""

import os
import re
from configparser import Error, RawConfigParser, SectionProxy
from pathlib import Path

from volant.errors import VolantError

RESTORE = "Fix it, or restore it with `git checkout .dvc/config`."
QUOTED = re.compile(r"""(['"])(.*?)\1\s*(?:#.*)?""")
Sections = dict[str, dict[str, str]]


def remote(folder: Path, default: str) -> dict[str, str]:
    r"""Return the options of the default remote: merged from system, user, project and clone, as DVC merges them.

    A config file that can't be read causes a `VolantError`.

    Args:
        folder: The project's `.dvc`.
        default: Name of the remote if the config names none.

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
    """Return the config files of the system and the user: the paths for Linux, unless a variable overrides them."""
    of_user = Path(os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config"))
    of_system = os.environ.get("XDG_CONFIG_DIRS", "").partition(os.pathsep)[0] or "/etc/xdg"
    return [
        Path(os.environ.get("DVC_SYSTEM_CONFIG_DIR") or Path(of_system) / "dvc") / "config",
        Path(os.environ.get("DVC_GLOBAL_CONFIG_DIR") or of_user / "dvc") / "config",
    ]


def _read(path: Path) -> Sections:
    """Return the options of each section, such as `remote "lake"`; names are in lower case, as in DVC.

    Raises:
        VolantError: If the file can't be read.
    """
    if not path.is_file():
        return {}
    parser = RawConfigParser(delimiters=("=",), comment_prefixes=("#",), default_section="", allow_no_value=False)
    try:
        # DVC ignores indentation; this parser would take an indented line for a continuation
        parser.read_string("\n".join(line.strip() for line in path.read_text(encoding="utf-8").splitlines()))
        return {_section(name): _options(parser[name]) for name in parser.sections()}
    except (Error, ValueError, OSError) as error:
        raise VolantError(f"{path} can't be read ({error}). {RESTORE}") from error


def _options(section: SectionProxy) -> dict[str, str]:
    return {key: _plain(value) for key, value in section.items()}


def _section(name: str) -> str:
    r"""Return a section's name without the quotes around it.

    Example:
        >>> _section("'remote \"Lake\"'")
        'remote "lake"'
    """
    return re.sub(r'^(remote)\s*"', r'\1 "', _plain(name).strip().lower())


def _plain(value: str) -> str:
    """Return a value without its quotes and without a comment.

    Example:
        >>> _plain("'a # b'  # c"), _plain("a # c")
        ('a # b', 'a')
    """
    if quoted := QUOTED.fullmatch(value):
        return quoted[2]
    return value.partition("#")[0].strip()


def _resolved(url: str, folder: Path) -> str:
    """Return an absolute path: a folder is relative to the config file that names it, or begins with `~`."""
    if re.match(r"\w+://", url):
        return url
    path = os.path.expanduser(url)
    return path if os.path.isabs(path) else os.path.abspath(folder / path)
