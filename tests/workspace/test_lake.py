"""The lake against a real S3 server: rclone's, started here on a free port with random keys."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.projects import free_port
from volant.errors import VolantError
from volant.workspace import lake, s3_server
from volant.workspace.lake import Lake

# as `dvc init` and the project ship it, with a comment that must survive
CONFIG = "# ours\n[core]\n    remote = lake\n    autostage = false\n['remote \"lake\"']\n    url = ../.lake\n"


@dataclass(frozen=True)
class S3:
    url: str
    folder: Path
    keys: tuple[str, str]


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    folder = tmp_path_factory.mktemp("s3")
    (folder / "bucket").mkdir()
    keys = (secrets.token_hex(8), secrets.token_hex(16))
    port = free_port()
    with s3_server.server(folder, port, keys):
        yield S3(s3_server.address(port), folder, keys)


@pytest.fixture
def keys(s3: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    """The server, with its keys where S3 clients look for them, and none of this machine's settings."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.keys[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.keys[1])
    return s3


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "my project"
    (root / ".dvc").mkdir(parents=True)
    (root / ".dvc" / "config").write_text(CONFIG)
    return root


def dvc(root: Path, *arguments: str) -> str:
    """Run as a person does: another process, which knows only `.dvc/config` and the environment."""
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_folder_is_the_default_and_relative_to_the_project(project: Path) -> None:
    assert lake.current(project) == Lake(str(project / ".lake"))
    assert set(lake.check(lake.current(project))) == {"write", "read", "delete"}
    assert list((project / ".lake").iterdir()) == []


def test_without_a_remote_the_lake_is_the_shipped_folder(tmp_path: Path) -> None:
    assert lake.current(tmp_path) == Lake(str(tmp_path / ".lake"))


def test_there_and_back_leaves_the_config_as_it_was(project: Path, keys: S3) -> None:
    seconds = lake.point(lake.parse("s3://bucket/team/a/", keys.url), project)
    assert list(seconds) == ["write", "read", "list", "delete"]
    assert lake.current(project) == Lake("s3://bucket/team/a", keys.url)
    assert not any(path.is_file() for path in (keys.folder / "bucket").rglob(".volant-check-*"))
    text = (project / ".dvc" / "config").read_text()
    assert not [key for key in keys.keys if key in text]
    lake.point(lake.parse(str(project / ".lake")), project)
    assert (project / ".dvc" / "config").read_text() == CONFIG


def test_options_of_the_remote_stay_on_s3_and_go_with_it(project: Path, keys: S3) -> None:
    config = project / ".dvc" / "config"
    lake.point(lake.parse("s3://bucket/a", keys.url), project)
    config.write_text(config.read_text().rstrip() + "\n    sse = AES256\n")
    lake.point(lake.parse("s3://bucket/b", keys.url), project)
    assert "sse = AES256" in config.read_text()
    lake.point(lake.parse(str(project / ".lake")), project)
    assert config.read_text() == CONFIG


def test_endpoint_of_the_environment_is_honoured(project: Path, keys: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", keys.url)
    lake.point(lake.parse("s3://bucket/env"), project)
    assert lake.current(project) == Lake("s3://bucket/env", None)


def refused(target: str, endpoint_url: str | None, project: Path) -> str:
    start = time.monotonic()
    with pytest.raises(VolantError) as error:
        lake.point(lake.parse(target, endpoint_url), project)
    assert time.monotonic() - start < 15
    assert (project / ".dvc" / "config").read_text() == CONFIG
    return str(error.value)


@pytest.mark.parametrize("variable", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_wrong_key(variable: str, project: Path, keys: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "wrong")
    message = refused("s3://bucket/p", keys.url, project)
    assert keys.url in message
    assert "refuses the key" in message
    assert "AWS_SECRET_ACCESS_KEY" in message


def test_no_key(project: Path, keys: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "requires credentials. Set AWS_ACCESS_KEY_ID" in refused("s3://bucket/p", keys.url, project)


def test_missing_bucket(project: Path, keys: S3) -> None:
    message = refused("s3://absent/p", keys.url, project)
    assert "(bucket 'absent') has no such bucket. Make it" in message


def test_no_right_to_write(project: Path, keys: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RCLONE_READ_ONLY", "true")
    port = free_port()
    with s3_server.server(keys.folder, port, keys.keys):
        assert "refused to write" in refused("s3://bucket/p", s3_server.address(port), project)


@pytest.mark.usefixtures("keys")
def test_nothing_listens(project: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    assert f"{address} (bucket 'bucket') can't be reached" in refused("s3://bucket/p", address, project)


@pytest.mark.slow
@pytest.mark.usefixtures("keys")
def test_server_that_never_answers(project: Path) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        message = refused("s3://bucket/p", f"http://127.0.0.1:{mute.getsockname()[1]}", project)
    assert "does not answer" in message


def test_not_an_s3_server(project: Path, keys: S3) -> None:
    assert "no secure connection" in refused("s3://bucket/p", keys.url.replace("http:", "https:"), project)


@pytest.mark.parametrize(
    ("code", "status", "says"),
    [
        ("AccessDenied", 403, "does not let this key write"),
        ("PermanentRedirect", 301, "in another region. Set AWS_DEFAULT_REGION"),
        ("ExpiredToken", 400, "Log in again"),
    ],
)
def test_what_amazon_answers_and_rclone_can_not(code: str, status: int, says: str) -> None:
    from botocore.exceptions import ClientError

    from volant.workspace import s3 as module

    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    with pytest.raises(VolantError, match=says), module.explained("bucket"):
        raise ClientError(answer, "PutObject")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("target", "endpoint_url", "says"),
    [
        ("s3://No_Bucket/p", None, "'No_Bucket' is not a valid bucket"),
        ("s3://", None, "is not a valid bucket"),
        ("gs://bucket/p", None, "can't be at gs://bucket/p. Give s3://"),
        ("s3:/bucket/p", None, "Give s3://"),
        ("s3://bucket", "127.0.0.1:9000", "not an address such as http://"),
        ("folder", "http://127.0.0.1:9000", "not on S3"),
        ("", None, "Give s3://"),
    ],
)
def test_what_is_no_lake(target: str, endpoint_url: str | None, says: str, project: Path) -> None:
    assert says in refused(target, endpoint_url, project)


@pytest.mark.parametrize(
    ("target", "endpoint"), [("s3://id:hush@bucket/p", None), ("s3://bucket", "http://id:hush@host")]
)
def test_credentials_in_an_address_are_refused_and_not_repeated(
    target: str, endpoint: str | None, project: Path
) -> None:
    message = refused(target, endpoint, project)
    assert "hush" not in message


def test_no_project(tmp_path: Path) -> None:
    with pytest.raises(VolantError, match="Run this in the root of a project"):
        lake.point(Lake(str(tmp_path / "x")), tmp_path)


def test_a_local_config_that_would_win_is_named(project: Path) -> None:
    (project / ".dvc" / "config.local").write_text("['remote \"lake\"']\n    url = /elsewhere\n")
    assert lake.current(project) == Lake("/elsewhere")
    assert ".dvc/config.local sets the lake" in refused(str(project / "new"), None, project)


def test_folder_that_can_not_be_written(project: Path) -> None:
    (project / "file").write_text("")
    assert "can't be used as the lake" in refused(str(project / "file" / "sub"), None, project)


def test_without_the_extra_says_what_to_install(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("volant.workspace.s3.find_spec", lambda name: None if name == "dvc_s3" else name)
    assert "S3 needs dvc_s3. Install it with `pip install 'volant-nlp[s3]'`" in refused("s3://bucket/p", None, project)


def test_command_moves_and_shows(project: Path, keys: S3) -> None:
    moved = lake.command("s3://bucket/shown", keys.url, project)
    shown = lake.command(None, root=project)
    assert f"s3://bucket/shown  on {keys.url}" in shown
    assert "s3://bucket/shown/mlflow" in shown
    assert "write" in shown
    assert moved.endswith("`dvc push`.")
    with pytest.raises(VolantError, match="without a bucket"):
        lake.command(None, keys.url, project)


@pytest.mark.slow
def test_push_wipe_pull_gives_the_same_bytes(tmp_path: Path, keys: S3) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    dvc(tmp_path, "init", "-q")
    data = tmp_path / "data"
    data.mkdir()
    written = {"small.txt": "élan\n".encode(), "large.bin": os.urandom(9 * 2**20), "empty": b""}
    for name, content in written.items():
        (data / name).write_bytes(content)
    dvc(tmp_path, "add", "-q", "data")
    lake.point(lake.parse("s3://bucket/push", keys.url), tmp_path)
    dvc(tmp_path, "push", "-q")
    assert len([path for path in (keys.folder / "bucket" / "push" / "files").rglob("*") if path.is_file()]) == 4
    shutil.rmtree(data)
    shutil.rmtree(tmp_path / ".dvc" / "cache")
    dvc(tmp_path, "pull", "-q")
    assert {path.name: path.read_bytes() for path in data.iterdir()} == written


@pytest.mark.slow
def test_serve_makes_keys_points_the_lake_and_ends_with_its_server(project: Path) -> None:
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    served = subprocess.Popen(
        [sys.executable, "-um", "volant.workspace.s3_server", str(port)],
        # a shell that runs the tests in the background has Ctrl-C ignored, and children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert served.stdout
        said = ""
        for line in served.stdout:
            said += line
            if line.startswith("Ctrl-C"):
                break
        assert "set -a; . .s3/env; set +a" in said
        assert lake.current(project) == Lake("s3://volant/lake", f"http://127.0.0.1:{port}")
        assert (project / ".s3" / "env").stat().st_mode & 0o777 == 0o600
        code = "from volant.workspace.lake import command; print(command(None))"
        shell = f"set -a; . .s3/env; set +a; {sys.executable} -c '{code}'"
        shown = subprocess.run(
            ["sh", "-c", shell], cwd=project, env=environment, capture_output=True, text=True, check=True
        )
        assert "checked         write" in shown.stdout
        with (
            pytest.raises(VolantError, match=f"Port {port} can't be used"),
            s3_server.server(project, port, ("a", "b")),
        ):
            pass
    finally:
        served.send_signal(signal.SIGINT)
        assert served.wait(timeout=20) == 0
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=1)
