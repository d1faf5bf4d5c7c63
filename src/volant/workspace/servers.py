"""Servers of other programs: started, awaited until they are ready, and stopped with this process."""

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
    """Run a server during the body of the `with` statement.

    If the port is taken, or the server does not become ready, this causes a `VolantError`.

    Args:
        command: The program and its arguments.
        port: Port on 127.0.0.1 where it listens.
        environment: Variables in addition to those of this process.
        patience: Seconds until it must be ready.
    """
    _require_free(port)
    # a session of its own: Ctrl-C reaches only this process, and all processes of the server end together
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
    """Run `python -m MODULE [PORT]` for a server; a user's mistake is reported in one line, with exit code 2.

    Args:
        serve: Function that serves at a port until it is stopped.
        port: Default port.
    """
    try:
        serve(int(sys.argv[1]) if len(sys.argv) > 1 else port)
    except (VolantError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def until_stopped(process: subprocess.Popen[bytes]) -> None:
    """Wait for Ctrl-C, for a SIGTERM to this process, or until the server ends by itself.

    Raises:
        VolantError: If the server ended by itself.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # by default Python would exit without stopping the server
    with suppress(KeyboardInterrupt):
        code = process.wait()
        raise VolantError(f"The server ended (exit code {code}); see its output above.")


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise VolantError(
                f"Port {port} can't be used ({error}). Stop the process that uses it, or give another port."
            ) from error


def _wait(process: subprocess.Popen[bytes], port: int, patience: float) -> None:
    deadline = time.monotonic() + patience
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise VolantError(f"The server did not start (exit code {process.poll()}); see its output above.")
