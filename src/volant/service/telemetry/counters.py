"""Counters of one process, in memory; other workers read them from files that are replaced atomically.

prometheus_client maps sparse files into memory. If a page of such a file can't be written to a full disk, the kernel
kills the process (SIGBUS), and nothing can be caught or logged. Here a full disk only makes the numbers of other
workers stale, and logs one line.
"""

import atexit
import logging
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from volant.service.settings import WORKERS

INTERVAL = 0.2  # seconds between two writes with several workers
INTERVAL_OF_ONE = 10.0  # seconds with one worker, whose file only its successor after a crash reads
VISIBLE_AFTER = 2.5 * INTERVAL  # seconds after which other workers certainly see a number
HEAD = struct.Struct("i4x")  # number of used bytes, in the format of prometheus_client.mmap_dict
LENGTH = struct.Struct("i")
PAIR = struct.Struct("dd")
Value = tuple[str, float, float, int]
log = logging.getLogger("volant.service")


class Counters:
    """A replacement of `prometheus_client.mmap_dict.MmapedDict`: same methods and file format, but no memory map.

    Args:
        filename: The file; one for each type of counter and process.
        read_mode: Ignored; prometheus_client may pass it.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     counters = Counters(f"{folder}/counter_1.db")
        ...     counters.write_value("a", 2.0, 0.0)
        ...     counters.read_value("a"), [value[:2] for value in Counters.read_all_values_from_file(counters.path)]
        ((2.0, 0.0), [('a', 2.0)])
    """

    instances: "dict[str, Counters]" = {}  # noqa: RUF012  (those of this process, by file)
    failing = False

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        self.path = filename
        self._values: dict[str, tuple[float, float]] = {}
        self._changed = not read_mode
        self.instances[filename] = self
        self.save()

    def read_value(self, key: str) -> tuple[float, float]:
        """Return a number and its timestamp; 0 at first."""
        return self._values.setdefault(key, (0.0, 0.0))

    def write_value(self, key: str, value: float, timestamp: float) -> None:
        """Set a number.

        Args:
            key: Key of the counter.
            value: Number.
            timestamp: Time in seconds since 1970.
        """
        self._values[key] = (value, timestamp)
        self._changed = True

    def read_all_values(self) -> Iterator[tuple[str, float, float]]:
        """Yield every key with its number and timestamp."""
        for key, (value, timestamp) in dict(self._values).items():
            yield key, value, timestamp

    def close(self) -> None:
        """Write the numbers; prometheus_client drops the object afterwards."""
        self.save()
        self.instances.pop(self.path, None)

    def save(self) -> None:
        """Replace the file by the present numbers; on a full disk, the old file remains."""
        if not self._changed:
            return
        self._changed = False
        path = Path(self.path)
        part = path.with_name(f".{path.name}.part")
        try:
            part.write_bytes(_packed(dict(self._values)))
            os.replace(part, path)
        except OSError as error:
            self._changed = True
            _log_once(error)
            with suppress(OSError):
                part.unlink(missing_ok=True)
        else:
            Counters.failing = False

    @classmethod
    def read_all_values_from_file(cls, filename: str) -> Iterator[Value]:
        """Yield the numbers of a process: its own from memory, those of others from their file."""
        if filename in cls.instances:
            return iter([(*value, 0) for value in cls.instances[filename].read_all_values()])
        return _unpacked(Path(filename).read_bytes())


def use() -> None:
    """Make prometheus_client use these counters; call it before the first counter is created."""
    import prometheus_client.mmap_dict
    import prometheus_client.multiprocess
    import prometheus_client.values

    for module in (prometheus_client.mmap_dict, prometheus_client.multiprocess, prometheus_client.values):
        module.MmapedDict = Counters  # type: ignore[assignment, misc]
    interval = INTERVAL if several() else INTERVAL_OF_ONE
    threading.Thread(target=_save_periodically, args=(interval,), name="counters", daemon=True).start()
    atexit.register(save)


def save() -> None:
    """Write the numbers of this process, so that other workers see them."""
    for counters in list(Counters.instances.values()):
        counters.save()


def several() -> bool:
    """Return True if there are several workers."""
    return int(os.environ.get(WORKERS, "1")) > 1


def _save_periodically(interval: float) -> None:
    pause = threading.Event()
    while not pause.wait(interval):
        save()


def _log_once(error: OSError) -> None:
    """Log the error once, until a write succeeds again."""
    if not Counters.failing:
        log.warning("Counters can't be written for other workers, and continue in memory: %s", error)
    Counters.failing = True


def _packed(values: dict[str, tuple[float, float]]) -> bytes:
    pieces = [b""]
    for key, pair in values.items():
        encoded = key.encode()
        padded = encoded + b" " * (8 - (len(encoded) + 4) % 8)
        pieces.append(LENGTH.pack(len(encoded)) + padded + PAIR.pack(*pair))
    pieces[0] = HEAD.pack(HEAD.size + sum(map(len, pieces)))
    return b"".join(pieces)


def _unpacked(data: bytes) -> Iterator[Value]:
    position = HEAD.size
    used = min(HEAD.unpack_from(data)[0], len(data)) if data else 0
    while position < used:
        (length,) = LENGTH.unpack_from(data, position)
        position += LENGTH.size
        key = data[position : position + length].decode()
        position += length + 8 - (length + 4) % 8
        yield (key, *PAIR.unpack_from(data, position), position)
        position += PAIR.size
