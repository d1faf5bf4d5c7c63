"""Traffic of a service that is killed."""

import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from support.serving import DULL, FILM, Server
from volant.monitor.captures import read


def send(server: Server, lines: int) -> dict[str, Any]:
    """A batch job over many short lines."""
    body = "".join(f"{FILM if number % 3 else DULL} n{number}\n" for number in range(lines))
    form = f'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n{body}\r\n'
    form += '--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nreviews\r\n--x--\r\n'
    told = {"Content_Type": "multipart/form-data; boundary=x"}
    status, job, _ = server.call("POST", "/jobs", form.encode(), **told)
    assert status == 201, job
    return job


def done(server: Server, identity: str, seconds: float = 120) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while (job := server.call("GET", f"/jobs/{identity}")[1])["state"] in ("SUBMITTED", "IN_PROGRESS"):
        assert time.monotonic() < deadline, job
        time.sleep(0.1)
    return job


def result(server: Server, identity: str) -> bytes:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=90)
    connection.request("GET", f"/jobs/{identity}/result")
    response = connection.getresponse()
    assert response.status == 200
    return response.read()


def captured(root: Path, model: str = "films") -> set[str]:
    files = (root / ".lake/captures" / model).rglob("*.jsonl")
    return {read(line).event_id for file in files for line in file.read_text().splitlines()}
