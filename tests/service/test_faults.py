"""Limits name themselves, overload is refused quickly, a slow client harms nobody, and no text gets into a log."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from support.serving import DULL, FILM, Server, serving
from volant.cli import client
from volant.errors import VolantError
from volant.service import settings
from volant.service.capture.recent import FILE as RECENT
from volant.service.feedback.log import HOME as FEEDBACK

MARKER = "zanzibarmarker"
LONG = "superb " * 2800  # some milliseconds of work
JSON = {"Content-Type": "application/json"}
SETTINGS = """ui: false
limits: {texts_per_request: 5, body_bytes: 200000, queue_texts: 8, idle_seconds: 1}
jobs: {upload_bytes: 2000}
feedback: {per_client_per_minute: 5}
capture: {percent: 0}
"""


@pytest.fixture(scope="module")
def small(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service with small limits; what it says goes to a file."""
    root = tmp_path_factory.mktemp("small") / "p"
    shutil.copytree(made, root)
    (root / "service.yaml").write_text(SETTINGS)
    with serving(root, output=root / "said") as running:
        yield running


def infer(texts: list[str]) -> Any:
    return {"inputs": [{"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": texts}]}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/predict", lambda texts: {"texts": texts, "model": "reviews"}),
        ("/v2/models/reviews/infer", infer),
        ("/invocations", lambda texts: {"instances": texts}),
    ],
)
def test_each_limit_names_itself_whichever_way_texts_come(small: Server, path: str, body: Any) -> None:
    told = {"X_Amzn_SageMaker_Target_Model": "reviews"}
    status, found, _ = small.call("POST", path, body([FILM] * 6), **told)
    assert (status, "limits.texts_per_request is 5" in found["error"]) == (422, True)
    status, found, _ = small.call("POST", path, body(["x" * 20_001]), **told)
    assert (status, "limits.characters_per_text is 20000" in found["error"]) == (422, True)
    status, found, _ = small.call("POST", path, body(["x" * 200_001]), **told)
    assert (status, "200000 bytes (limits.body_bytes)" in found["error"]) == (413, True)
    assert small.call("POST", path, body([FILM] * 5), **told)[0] == 200


@pytest.mark.parametrize("film", [FILM, f"superb {'é' * 14_000}"], ids=["many", "long"])
def test_volant_request_sends_no_more_than_the_service_takes(small: Server, film: str) -> None:
    texts = [film, DULL, f"{film} film"] * 40
    answers = list(client.ask(small.url, iter(texts), "reviews"))
    assert [answer["text"] for answer in answers] == texts
    assert [answer["label"] for answer in answers] == ["fresh", "rotten", "fresh"] * 40
    assert small.call("GET", "/models")[0] == 200
    with pytest.raises(VolantError, match=r"refuses: Text 0 has 20001 characters; limits.characters_per_text is"):
        list(client.ask(small.url, ["x" * 20_001], "reviews"))
    with pytest.raises(VolantError, match=r"refuses: The body has more than 200000 bytes \(limits.body_bytes\)"):
        list(client.ask(small.url, ["x" * 200_001], "reviews"))


def test_volant_request_takes_texts_or_a_file(tmp_path: Path) -> None:
    (path := tmp_path / "a.csv").write_text(f"text\n{FILM}\n")
    command = [sys.executable, "-m", "volant", "request", "a text", "--csv", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "Both texts and --csv" in " ".join(done.stderr.split())


def test_limits_of_feedback_and_jobs_name_themselves(small: Server) -> None:
    said = {"text": "x" * 20_001, "label": "fresh", "model": "reviews"}
    status, found, _ = small.call("POST", "/feedback", said)
    assert (status, "limits.characters_per_text is 20000" in found["error"]) == (422, True)
    answers = [small.call("POST", "/feedback", {**said, "text": f"t{number}"}) for number in range(6)]
    status, found, headers = answers[-1]
    assert (status, "feedback.per_client_per_minute is 5" in found["error"]) == (429, True)
    assert int(headers["retry-after"]) >= 1
    # a form may have a MiB beside its file
    status, found, _ = small.call("POST", "/jobs", b"x" * 1_100_000, Content_Type="multipart/form-data; boundary=x")
    assert (status, "(jobs.upload_bytes)" in found["error"]) == (413, True)


def test_overload_is_refused_quickly_and_what_is_taken_is_answered(small: Server) -> None:
    body = json.dumps({"texts": [LONG] * 5, "model": "reviews"})
    found: list[tuple[int, float, str | None, str]] = []
    end = time.monotonic() + 4

    def ask() -> None:
        connection = HTTPConnection("127.0.0.1", small.port, timeout=60)
        while time.monotonic() < end:
            begun = time.perf_counter()
            connection.request("POST", "/predict", body, JSON)
            response = connection.getresponse()
            text = response.read().decode()
            found.append((response.status, time.perf_counter() - begun, response.headers["Retry-After"], text))

    asking = [threading.Thread(target=ask) for _ in range(24)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    refused, answered = ([one for one in found if one[0] == status] for status in (429, 200))
    assert len(refused) + len(answered) == len(found)
    assert len(refused) > 20
    assert len(answered) > 5
    assert {after for _, _, after, _ in refused} == {"1"}
    assert all("limits.queue_texts is 8" in text for *_, text in refused)
    times = sorted(seconds for _, seconds, *_ in refused)
    assert times[len(times) // 2] < 1
    # nobody waits behind a long queue either
    assert max(seconds for _, seconds, *_ in answered) < 10


def slow(server: Server, sent: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), 20)
    connection.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + sent)
    return connection


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b'Content-Length: 100\r\n\r\n{"texts"', 408),
        (b"Content-Length: 100\r\n\r\n", 408),
        (b'Transfer-Encoding: chunked\r\n\r\n8\r\n{"texts"\r\n', 408),
        (b"Content-Length: 99999999\r\n\r\n{", 413),
    ],
)
def test_a_client_that_stops_is_let_go_and_others_are_answered(small: Server, sent: bytes, status: int) -> None:
    begun = time.monotonic()
    with slow(small, sent) as connection:
        assert small.call("POST", "/predict", {"texts": [FILM], "model": "reviews"})[0] == 200
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert (b"limits.idle_seconds" in answer) == (status == 408)
    assert 0.9 < time.monotonic() - begun < 15


def test_no_text_is_in_any_log_and_a_stop_waits_for_no_stalled_client(small: Server) -> None:
    call = small.call
    text = f"{FILM} {MARKER}"
    model = {"model": "reviews"}
    bodies: list[tuple[str, Any, str]] = [
        ("/predict", {"texts": [text], **model}, "application/json"),
        ("/predict", {"texts": text, **model}, "application/json"),
        ("/predict", {"texts": [{"text": text}], **model}, "application/json"),
        ("/predict", {"texts": [text], "model": text}, "application/json"),
        ("/predict", {"texts": [text], MARKER: 1}, "application/json"),
        ("/predict", f'{{"texts": ["{text}"'.encode(), "application/json"),
        ("/predict", f'{{"texts": ["{text} \\ud800"], "model": "reviews"}}'.encode(), "application/json"),
        ("/predict", text.encode("utf-16"), "application/json"),
        ("/predict", {"texts": [text * 5000], **model}, "application/json"),
        ("/v2/models/reviews/infer", infer([text]), "application/json"),
        ("/v2/models/reviews/infer", {"inputs": [{"name": MARKER, "data": [text]}]}, "application/json"),
        (f"/v2/models/{MARKER}/infer", infer([text]), "application/json"),
        ("/invocations", f'"{text}'.encode(), "text/csv"),
        ("/invocations", f"{text}\n".encode(), "application/jsonlines"),
        ("/invocations", text.encode(), MARKER),
        (f"/{MARKER}?{MARKER}=1", {}, "application/json"),
        ("/feedback", {"text": text, "label": MARKER, **model}, "application/json"),
        ("/feedback", {"text": text, "comment": text, "label": "fresh", **model}, "application/json"),
        ("/jobs", _form(f"{text}\n"), "multipart/form-data; boundary=x"),
        ("/jobs", _form(f'{{"text": "{text}'.replace("\n", " "), "a.jsonl"), "multipart/form-data; boundary=x"),
        ("/jobs", text.encode(), "multipart/form-data; boundary=x"),
        ("/deployments", {"name": MARKER, "flywheel": MARKER}, "application/json"),
    ]
    statuses = [call("POST", path, body, Content_Type=kind)[0] for path, body, kind in bodies]
    assert {200, 201, 404, 415, 422} <= set(statuses)
    assert not [status for status in statuses if status >= 500]
    assert MARKER not in call("GET", "/metrics")[1]
    assert MARKER not in json.dumps(call("GET", "/models")[1])
    time.sleep(1)  # until jobs are done
    stalled = slow(small, b"Content-Length: 100\r\n\r\n{")
    begun = time.monotonic()
    small.process.terminate()
    small.process.wait(30)
    assert time.monotonic() - begun < 20
    stalled.close()
    found = [path for path in small.root.rglob("*") if path.is_file() and MARKER.encode() in path.read_bytes()]
    home = small.root / ".volant/service"
    # what people said, the last answers for feedback to find, and the results of jobs: whose texts these are
    kept = (small.root / FEEDBACK, small.root / RECENT, home / "jobs")
    assert [path for path in found if not any(path.is_relative_to(place) for place in kept)] == []
    assert {place.name for place in kept if any(path.is_relative_to(place) for path in found)} >= {"jobs", RECENT.name}
    assert all(path.stat().st_mode & 0o077 == 0 or path.parent.stat().st_mode & 0o077 == 0 for path in found)


def _form(body: str, name: str = "a.txt") -> bytes:
    file = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n{body}\r\n'
    return (file + '--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nreviews\r\n--x--\r\n').encode()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("limits: {texts_per_requests: 2}", ["service.yaml: limits.texts_per_requests", "texts_per_request"]),
        ("limits: {queue_texts: 0}", ["service.yaml: limits.queue_texts", "0"]),
        ("limits: {queue_texts: many}", ["service.yaml: limits.queue_texts", "many"]),
        ("capture: {percent: 101}", ["service.yaml: capture.percent", "101"]),
        ("capture: {redact: [emails]}", ["service.yaml: capture.redact", "email"]),
        ("limit: {}", ["service.yaml: limit", "limits"]),
        ("- a", ["service.yaml"]),
        ("limits: [", ["is not valid YAML", "everything has a default"]),
        ("\xff", ["is not valid YAML"]),
    ],
)
def test_what_service_yaml_says_wrong_is_named(tmp_path: Path, text: str, says: list[str]) -> None:
    (tmp_path / "service.yaml").write_text(text, encoding="latin-1")
    with pytest.raises(VolantError) as raised:
        settings.load(tmp_path)
    assert [word for word in says if word not in str(raised.value)] == [], str(raised.value)


def test_a_service_that_is_told_nonsense_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "service.yaml").write_text("limits: {texts_per_requests: 2}\n")
    command = [sys.executable, "-m", "bentoml", "serve", "volant.service:Volant", "--port", "0"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "Error: service.yaml: limits.texts_per_requests (given: 2)" in done.stderr
    assert "Did you mean 'texts_per_request'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_service_outside_of_a_project_does_not_start_and_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bentoml", "serve", "volant.service:Volant", "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert f"{tmp_path} is not a project of Volant" in done.stderr
    assert "Run this in the project's root" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_without_service_yaml_or_with_an_empty_one_all_is_default(tmp_path: Path) -> None:
    assert settings.load(tmp_path) == settings.Settings()
    (tmp_path / "service.yaml").write_text("# nothing\n")
    assert settings.load(tmp_path) == settings.Settings()
