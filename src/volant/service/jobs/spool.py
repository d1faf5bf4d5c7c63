"""The documents of a job, converted once into JSON lines, so that resuming is cheap."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

PAUSE = 1.0  # seconds of reading after which other jobs get their turn


def spool(documents: Iterator[tuple[int, str]], path: Path, most: int) -> Iterator[int]:
    """Write documents to a file, completely or not at all; yield their number from time to time and at the end.

    Args:
        documents: Line number and text of each document.
        path: File to write; its folder is not created, as that of a job may have been removed.
        most: Maximum size of the file in bytes.

    Raises:
        OverflowError: If the file would be larger.
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
    """Yield the line number and the text of each document of a spooled file."""
    with path.open(encoding="utf-8", errors="surrogatepass", newline="\n") as file:
        for line in file:
            number, text = json.loads(line)
            yield number, text


def part_of(path: Path) -> Path:
    """Return the temporary path of a spooled file: always the same, so that crashes leave at most one."""
    return path.with_name(f".{path.name}.part")
