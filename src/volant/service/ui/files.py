"""Files that lie here on their way: uploads to the API, results to a person; none for longer than an hour."""

import time
from contextlib import suppress
from pathlib import Path

from gradio.utils import get_upload_folder

HOUR = 3600


def place(name: str) -> Path:
    """Where a file of our own may lie: its path holds a job's id, which nobody can guess.

    Args:
        name: The id.
    """
    folder = Path(get_upload_folder()) / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def taken(older: float = HOUR) -> int:
    """Bytes that all files take, after those that lie here for longer are removed.

    Args:
        older: Seconds.
    """
    size, now = 0, time.time()
    for path in [path for path in Path(get_upload_folder()).rglob("*") if path.is_file()]:
        with suppress(FileNotFoundError):  # another request was quicker
            about = path.stat()
            if now - about.st_mtime > older:
                path.unlink()
            else:
                size += about.st_size
    return size
