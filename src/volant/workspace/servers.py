"""Another program's server, in the foreground of ours: it answers before we go on, and ends when we end."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from volant.errors import VolantError


@contextmanager
def server(
    command: Sequence[str], port: int, environment: Mapping[str, str], patience: float = 30
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server on this machine's `port` while the body runs.

    Args:
        command: The program and its arguments.
        port: Where it listens, on 127.0.0.1.
        environment: What is set for it beside our own environment.
        patience: Seconds until it must answer.

    Raises:
        VolantError: If the port is taken, or the server does not come to answer.
    """
    _require_free(port)
    # a session of its own: Ctrl-C comes to us alone, and all of its processes end together
    process = subprocess.Popen(command, env={**os.environ, **environment}, start_new_session=True)  # noqa: S603
    try:
        _wait(process, port, patience)
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def main(serve: Callable[[int], None], port: int) -> None:
    """Run `python -m MODULE [PORT]` for a server: a user's error is one line and exit code 2."""
    try:
        serve(int(sys.argv[1]) if len(sys.argv) > 1 else port)
    except (VolantError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def until_stopped(process: subprocess.Popen[bytes]) -> None:
    """Wait for Ctrl-C, for a `kill` of ours, or until the server ends by itself.

    Raises:
        VolantError: If it ended by itself.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # Python would die at once, and leave the server behind
    with suppress(KeyboardInterrupt):
        code = process.wait()
        raise VolantError(f"The server ended (exit code {code}); see its output above.")


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise VolantError(f"Port {port} can't be used ({error}). End what uses it, or give another.") from error


def _wait(process: subprocess.Popen[bytes], port: int, patience: float) -> None:
    deadline = time.monotonic() + patience
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise VolantError(f"The server did not start (exit code {process.poll()}); see its output above.")
