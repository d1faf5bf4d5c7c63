"""The documents of a job, read once out of whatever was sent: a line of JSON each, so that to go on costs little."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

PAUSE = 1.0  # seconds of reading after which others may have their turn


def spool(documents: Iterator[tuple[int, str]], path: Path, most: int) -> Iterator[int]:
    """Write documents to a file that appears whole or not at all; yields how many, now and then and at the end.

    Args:
        documents: Line number and text of each.
        path: Where they go; its folder is not made, as that of a job may be removed meanwhile.
        most: Bytes that the file may have.

    Raises:
        OverflowError: If it would have more.
    """
    part = part_of(path)
    count = 0
    paused = time.monotonic()
    try:
        with part.open("w", encoding="utf-8", errors="surrogatepass", newline="\n") as file:
            for document in documents:
                file.write(json.dumps(document, ensure_ascii=False) + "\n")
                count += 1
                if time.monotonic() - paused >= PAUSE:
                    yield count
                    paused = time.monotonic()
                if count % 1024 == 0 and file.tell() > most:
                    raise OverflowError
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    yield count


def spooled(path: Path) -> Iterator[tuple[int, str]]:
    """Line number and text of each document of such a file."""
    with path.open(encoding="utf-8", errors="surrogatepass", newline="\n") as file:
        for line in file:
            number, text = json.loads(line)
            yield number, text


def part_of(path: Path) -> Path:
    """Where such a file grows: always the same, since one process works on jobs, so that a crash leaves at most one."""
    return path.with_name(f".{path.name}.part")
