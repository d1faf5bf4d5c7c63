"""The worker's side of the pages: it begins their process, and begins it again if it ends."""

import fcntl
import importlib.util
import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

from volant.workspace.paths import SERVICE

log = logging.getLogger("volant.service")
SOCKET, LOCK = SERVICE / "ui.sock", SERVICE / "ui.lock"
KEPT = 60  # seconds for which the pages keep a connection that nothing asks on
LOOK = 0.5  # seconds between two looks at the process
WHOLE = 30  # seconds after which a process counts as one that could start
# the pages have no power of their own: whoever uses them types a token
SECRETS = ("VOLANT_ADMIN_TOKEN", "VOLANT_API_TOKENS")


def installed() -> bool:
    """Whether the pages can be had: nothing is imported to know it."""
    return importlib.util.find_spec("gradio") is not None


class Beside:
    """Keeps one process with the pages alive; of several workers, the one that holds the lock.

    Args:
        root: The project's root.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None
        self._begun, self._failures = 0.0, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="pages", daemon=True)
        self._command: list[str] = []

    @property
    def failing(self) -> bool:
        """Whether it ends again and again before it answers."""
        return self._failures > 1

    def start(self, address: str, packaged: bool) -> None:
        """Begin to keep it.

        Args:
            address: Where the service answers.
            packaged: Whether the service has no registry.
        """
        more = ["packaged"] if packaged else []
        self._command = [sys.executable, "-m", "volant.service.ui", address, *more]
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._process:
            self._process.kill()
            self._process.wait()
        if self._lock:
            (self._root / SOCKET).unlink(missing_ok=True)
            self._lock.close()

    def _keep(self) -> None:
        while not self._stop.is_set():
            try:
                if self._held():
                    self._begin()
            except OSError as error:  # a full disk, say: it is tried again
                log.warning("The pages could not be started: %s", error)
            self._stop.wait(LOOK)

    def _held(self) -> bool:
        """Whether this worker is the one; the lock of a worker that was killed is free."""
        if self._lock:
            return True
        path = self._root / LOCK
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            return False
        self._lock = lock
        return True

    def _begin(self) -> None:
        if self._process and self._process.poll() is None:
            if self._failures and time.monotonic() - self._begun > WHOLE:
                self._failures = 0
            return
        if self._process:
            self._failures += 1
            log.warning("The pages ended with status %s; they are begun again.", self._process.returncode)
            self._stop.wait(min(2**self._failures, 60))
            if self._stop.is_set():
                return
        kept = {name: value for name, value in os.environ.items() if name not in SECRETS}
        self._begun = time.monotonic()
        # it ends with this process, as it reads from it
        self._process = subprocess.Popen(self._command, cwd=self._root, stdin=subprocess.PIPE, env=kept)  # noqa: S603
