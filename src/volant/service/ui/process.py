"""The worker's side of the web UI: it starts the process of the web UI, and restarts it if it ends."""

import importlib.util
import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

from volant.workspace.locks import try_lock
from volant.workspace.paths import SERVICE

log = logging.getLogger("volant.service")
SOCKET = SERVICE / "ui.sock"
LOCK = SERVICE / "ui.lock"
IDLE = 60  # seconds after which the web UI closes an idle connection
INTERVAL = 0.5  # seconds between two checks of the process
STABLE = 30  # seconds after which a process counts as started
# the web UI has no rights of its own: its users enter a token
SECRETS = ("VOLANT_ADMIN_TOKEN", "VOLANT_API_TOKENS")


def installed() -> bool:
    """Return True if the packages of the web UI are installed, without importing them."""
    return importlib.util.find_spec("gradio") is not None


class UiProcess:
    """The process of the web UI, kept alive by the one worker that holds the lock.

    Args:
        root: The project's root.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None
        self._started = 0.0
        self._failures = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name="ui", daemon=True)
        self._command: list[str] = []

    @property
    def failing(self) -> bool:
        """True if the process repeatedly ends before it is ready."""
        return self._failures > 1

    def start(self, address: str, packaged: bool) -> None:
        """Start the process, and keep it alive.

        Args:
            address: Address of the service.
            packaged: True if the service has no registry.
        """
        more = ["packaged"] if packaged else []
        self._command = [sys.executable, "-m", "volant.service.ui", address, *more]
        self._thread.start()

    def close(self) -> None:
        """End the process."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._process:
            self._process.kill()
            self._process.wait()
        if self._lock:
            (self._root / SOCKET).unlink(missing_ok=True)
            self._lock.close()

    def _supervise(self) -> None:
        while not self._stop.is_set():
            try:
                if self._has_lock():
                    self._ensure_running()
            except OSError as error:  # such as a full disk; retried
                log.warning("The web UI could not be started: %s", error)
            self._stop.wait(INTERVAL)

    def _has_lock(self) -> bool:
        """Return True if this worker holds the lock; a killed worker releases it."""
        if self._lock:
            return True
        path = self._root / LOCK
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("a")
        if not try_lock(lock):
            lock.close()
            return False
        self._lock = lock
        return True

    def _ensure_running(self) -> None:
        if self._process and self._process.poll() is None:
            if self._failures and time.monotonic() - self._started > STABLE:
                self._failures = 0
            return
        if self._process:
            self._failures += 1
            log.warning("The web UI ended with status %s; restarting.", self._process.returncode)
            self._stop.wait(min(2**self._failures, 60))
            if self._stop.is_set():
                return
        environment = {name: value for name, value in os.environ.items() if name not in SECRETS}
        self._started = time.monotonic()
        # it ends with this process, as it reads from its standard input
        self._process = subprocess.Popen(  # noqa: S603
            self._command, cwd=self._root, stdin=subprocess.PIPE, env=environment
        )
