"""Files that lie here on their way: uploads to the API, results to a person; none for longer than an hour."""

import time
from contextlib import suppress
from pathlib import Path

from gradio.utils import get_upload_folder

HOUR = 3600
DEAD = 300  # seconds after which an upload to which nothing is added has broken off


def place(name: str) -> Path:
    """Where a file of our own may lie: its path holds a job's id, which nobody can guess.

    Args:
        name: The id.
    """
    folder = Path(get_upload_folder()) / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def sweep() -> None:
    """Remove files that lie here for an hour, and what is left of uploads that broke off, which lies at the top."""
    home, now = Path(get_upload_folder()), time.time()
    for path in [path for path in home.rglob("*") if path.is_file()]:
        with suppress(FileNotFoundError):  # another request was quicker
            if now - path.stat().st_mtime > (DEAD if path.parent == home else HOUR):
                path.unlink()
