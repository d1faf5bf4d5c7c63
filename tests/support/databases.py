"""A real PostgreSQL server, and new databases on it."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.projects import free_port

# Debian keeps what only a server's owner runs out of PATH.
PLACES = os.pathsep.join([os.environ["PATH"], *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin")))])
INITDB = shutil.which("initdb", path=PLACES)
PASSWORD = "hush"


@contextmanager
def server(initdb: str) -> Iterator[str]:
    """The address of a server, user and password included; root has to run it as somebody else."""
    owner = "postgres" if os.geteuid() == 0 else None
    folder, port = Path(tempfile.mkdtemp()), free_port()
    secret = folder / "password"
    secret.write_text(PASSWORD)
    data = folder / "data"
    data.mkdir()
    for path in (folder, secret, data) if owner else ():
        shutil.chown(path, str(owner))
    start = [initdb, "-D", str(data), "-U", "volant", "-A", "scram-sha-256", "--pwfile", str(secret)]
    subprocess.run(start, user=owner, cwd=folder, check=True, capture_output=True)
    command = [str(Path(initdb).with_name("postgres")), "-D", str(data), "-p", str(port), "-k", str(folder)]
    process = subprocess.Popen(command, user=owner, cwd=folder, stderr=subprocess.DEVNULL)
    try:
        yield answering(f"postgresql://volant:{PASSWORD}@127.0.0.1:{port}")
    finally:
        process.send_signal(signal.SIGINT)  # a fast end; to a polite one it waits for every client to go
        process.wait()
        shutil.rmtree(folder)


def answering(address: str) -> str:
    """The same address, once the server answers there."""
    import psycopg

    for _ in range(100):
        try:
            psycopg.connect(f"{address}/postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return address
    raise TimeoutError(address)


def new_database(address: str) -> str:
    """The URL of an empty database there."""
    import psycopg

    name = f"t{secrets.token_hex(4)}"
    with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return f"{address}/{name}"
