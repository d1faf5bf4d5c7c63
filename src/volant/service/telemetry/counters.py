"""Counters of one process in memory; other workers read them from files that are written whole.

prometheus_client maps sparse files into memory. Where a page of such a file finds no room on a full disk, the kernel
ends the process (SIGBUS), and nothing can be caught or logged. Here a full disk costs other workers fresh numbers, and
one line in the log.
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

EVERY = 0.2  # seconds between two writes where other workers read them
ALONE = 10.0  # seconds where only a worker that takes this one's place after a crash does
SEEN = 2.5 * EVERY  # seconds after which other workers surely see a number
HEAD = struct.Struct("i4x")  # bytes that are used; the format of prometheus_client.mmap_dict
LENGTH, PAIR = struct.Struct("i"), struct.Struct("dd")
Value = tuple[str, float, float, int]
log = logging.getLogger("volant.service")


class Counters:
    """Stands in for `prometheus_client.mmap_dict.MmapedDict`: its methods and its file, but nothing is mapped.

    Args:
        filename: The file; one for each type of counter and process.
        read_mode: Of no use here; prometheus_client may give it.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     counters = Counters(f"{folder}/counter_1.db")
        ...     counters.write_value("a", 2.0, 0.0)
        ...     counters.read_value("a"), [value[:2] for value in Counters.read_all_values_from_file(counters.path)]
        ((2.0, 0.0), [('a', 2.0)])
    """

    known: "dict[str, Counters]" = {}  # noqa: RUF012  (those of this process, by their file)
    failing = False

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        self.path = filename
        self._values: dict[str, tuple[float, float]] = {}
        self._changed = not read_mode
        self.known[filename] = self
        self.save()

    def read_value(self, key: str) -> tuple[float, float]:
        """Return a number and when it was set; 0 at first."""
        return self._values.setdefault(key, (0.0, 0.0))

    def write_value(self, key: str, value: float, timestamp: float) -> None:
        """Set a number."""
        self._values[key] = (value, timestamp)
        self._changed = True

    def read_all_values(self) -> Iterator[tuple[str, float, float]]:
        """Yield every key with its number and time."""
        for key, (value, timestamp) in dict(self._values).items():
            yield key, value, timestamp

    def close(self) -> None:
        """Write what there is; prometheus_client forgets it then."""
        self.save()
        self.known.pop(self.path, None)

    def save(self) -> None:
        """Write all numbers, in place of those before; where the disk takes none, those before stay."""
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
            _tell(error)
            with suppress(OSError):
                part.unlink(missing_ok=True)
        else:
            Counters.failing = False

    @classmethod
    def read_all_values_from_file(cls, filename: str) -> Iterator[Value]:
        """Yield the numbers of a process: of this one those in memory, of others those in their file."""
        if filename in cls.known:
            return iter([(*one, 0) for one in cls.known[filename].read_all_values()])
        return _unpacked(Path(filename).read_bytes())


def use() -> None:
    """Let prometheus_client count this way; call it before anything is counted."""
    import prometheus_client.mmap_dict
    import prometheus_client.multiprocess
    import prometheus_client.values

    for module in (prometheus_client.mmap_dict, prometheus_client.multiprocess, prometheus_client.values):
        module.MmapedDict = Counters  # type: ignore[assignment, misc]
    every = EVERY if several() else ALONE
    threading.Thread(target=_save_often, args=(every,), name="counters", daemon=True).start()
    atexit.register(save)


def save() -> None:
    """Write the numbers of this process, so that other workers see them."""
    for counters in list(Counters.known.values()):
        counters.save()


def several() -> bool:
    """Whether other workers answer beside this one."""
    return int(os.environ.get(WORKERS, "1")) > 1


def _save_often(every: float) -> None:
    pause = threading.Event()
    while not pause.wait(every):
        save()


def _tell(error: OSError) -> None:
    """Once, until it works again."""
    if not Counters.failing:
        log.warning("Counters can't be written for other workers, and go on in memory: %s", error)
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
