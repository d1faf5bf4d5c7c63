"""DVC's config as Volant reads it: the same answers as DVC's own, without importing any of it."""

import subprocess
import sys
from pathlib import Path

import pytest
from dvc.config import Config

from volant.errors import VolantError
from volant.workspace import lake
from volant.workspace.lake import Lake

CASES = {
    "as shipped": "[core]\n    remote = lake\n['remote \"lake\"']\n    url = ../.lake\n[hydra]\n    enabled = true\n",
    "nothing": "",
    "no remote is named": "['remote \"lake\"']\n    url = /elsewhere\n",
    "another remote": "[core]\n  remote = other\n['remote \"lake\"']\n  url = /a\n['remote \"other\"']\n  url = /b\n",
    "a remote that is not there": "[core]\n    remote = absent\n['remote \"lake\"']\n    url = /a\n",
    "s3 and its address": "['remote \"lake\"']\nurl = s3://bucket/a%20b/\nendpointurl = http://127.0.0.1:9000\n",
    "quotes": "['remote \"lake\"']\n    url = \"s3://bucket/a # b\"\n    endpointurl = 'http://h:1'  # ours\n",
    "comments": "# first\n[core]  # c\n  remote = lake # c\n['remote \"lake\"']\n  # no\n  url = /a#b\n",
    "indented as one likes": "[core]\nremote = lake\n['remote \"lake\"']\n  url = ../x\n      endpointurl = http://h:1\n",
    "capitals": "[Core]\n    Remote = lake\n['Remote \"Lake\"']\n    URL = /a\n",
    "a capital in the name that is asked for": "[core]\n    remote = Lake\n['remote \"Lake\"']\n    url = /a\n",
    "double quotes around the section": "[\"remote 'lake'\"]\n    url = /a\n",
    "no quotes around the section": '[remote "lake"]\n    url = /a\n',
    "a home": "['remote \"lake\"']\n    url = ~/lake\n",
    "an endpoint alone": "['remote \"lake\"']\n    endpointurl = http://h:1\n",
    "an equals sign": "['remote \"lake\"']\n    url = /a=b/c\n",
    "a list": "['remote \"lake\"']\n    url = /a\n    verify_hosts = a, b\n",
    "another cloud": "['remote \"lake\"']\n    url = azure://box/a\n    connection_string = 'x;y=z,w'\n",
}


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What DVC knows of the system and the user: nothing, until a test says so."""
    monkeypatch.setenv("DVC_SYSTEM_CONFIG_DIR", str(tmp_path / "system"))
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path / "user"))
    return tmp_path


def by_dvc(root: Path) -> Lake:
    """As `lake.current` asked DVC itself."""
    config = Config(str(root / ".dvc"), validate=False)
    remote = config.get("remote", {}).get(config.get("core", {}).get("remote", "lake"), {})
    return Lake(str(remote.get("url") or (root / ".lake").resolve()), remote.get("endpointurl"))


def wrote(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize("text", CASES.values(), ids=CASES)
def test_one_file(text: str, outside: Path) -> None:
    root = outside / "my project"
    wrote(root / ".dvc/config", text)
    assert lake.current(root) == by_dvc(root)


LOCALS = (
    "['remote \"lake\"']\n    url = /mine\n",
    "['remote \"lake\"']\n    endpointurl = http://mine:1\n    access_key_id = k\n",
    "[core]\n    remote = other\n['remote \"other\"']\n    url = ../../there\n",
    "[core]\n    remote = other\n",
)


@pytest.mark.parametrize("where", ["system/config", "user/config", "my project/.dvc/config.local"])
@pytest.mark.parametrize("text", LOCALS)
@pytest.mark.parametrize("case", ["as shipped", "s3 and its address", "another remote"])
def test_files_that_win_or_are_won_over(case: str, text: str, where: str, outside: Path) -> None:
    root = outside / "my project"
    wrote(root / ".dvc/config", CASES[case])
    wrote(outside / where, text)
    assert lake.current(root) == by_dvc(root)


@pytest.mark.usefixtures("outside")
def test_the_user_s_folder_is_where_dvc_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DVC_GLOBAL_CONFIG_DIR")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    wrote(tmp_path / "home/dvc/config", "['remote \"lake\"']\n    url = /of/all\n")
    (tmp_path / ".dvc").mkdir()
    assert lake.current(tmp_path) == by_dvc(tmp_path) == Lake("/of/all")


@pytest.mark.parametrize("text", ["remote = lake\n", "[core\n", "[core]\nremote\n"])
def test_what_can_not_be_read_is_named(text: str, outside: Path) -> None:
    wrote(outside / ".dvc/config", text)
    with pytest.raises(VolantError, match=r"(?s)config can't be read .*`git checkout \.dvc/config"):
        lake.current(outside)


def test_it_needs_no_dvc(outside: Path) -> None:
    wrote(outside / ".dvc/config", CASES["s3 and its address"])
    code = (
        "import sys; from pathlib import Path; from volant.workspace.objects import store; "
        f"print(store(Path({str(outside)!r})).lake.url, sorted({{'dvc', 'configobj'}} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "s3://bucket/a%20b/ []\n"
