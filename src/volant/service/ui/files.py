"""Temporary files: uploads on their way to the API, results on their way to a browser; deleted after an hour."""

import time
from contextlib import suppress
from pathlib import Path

from gradio.utils import get_upload_folder

HOUR = 3600
DEAD = 300  # seconds without new data after which an upload counts as aborted


def place(name: str) -> Path:
    """Return the folder for files of a job: its path contains the job's id, which can't be guessed.

    Args:
        name: Id of the job.
    """
    folder = Path(get_upload_folder()) / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def sweep() -> None:
    """Delete files older than an hour, and what is left of aborted uploads at the top of the folder."""
    home = Path(get_upload_folder())
    now = time.time()
    for path in [path for path in home.rglob("*") if path.is_file()]:
        with suppress(FileNotFoundError):  # deleted by another request in the meantime
            if now - path.stat().st_mtime > (DEAD if path.parent == home else HOUR):
                path.unlink()
