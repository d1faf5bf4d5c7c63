"""Other web sites in a visitor's browser: they neither give feedback nor read answers nor act as an admin."""

import base64
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.projects import ROOT
from support.serving import ADMIN, FILM, Server, serving
from volant.errors import VolantError
from volant.service.access.origins import VARIABLE, Hosts
from volant.service.api import docs

EVIL = "http://evil.example"
FORM = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nA fine film.\r\n--x--\r\n'
FORM_TYPE = "multipart/form-data; boundary=x"
BASIC = f"Basic {base64.b64encode(f'x:{ADMIN}'.encode()).decode()}"  # as a browser remembers it
# all that changes something: with a body of any type, with none
CALLS = [
    ("POST", "/feedback", {"text": FILM, "label": "fresh", "model": "reviews"}),
    ("POST", "/predict", {"texts": [FILM], "model": "reviews"}),
    ("POST", "/invocations", {"texts": [FILM], "model": "reviews"}),
    ("POST", "/jobs", FORM),
    ("POST", "/deployments", {"name": "other", "flywheel": "reviews"}),
    ("PATCH", "/deployments/topics", {"version": 1}),
    ("DELETE", "/deployments/topics", None),
    ("POST", "/deployments/topics/rollback", None),
    ("POST", "/v2/repository/models/topics/unload", None),
    ("POST", "/v2/repository/models/topics/load", None),
    ("POST", "/ui/gradio_api/upload", FORM),
    ("POST", "/ui/gradio_api/component_server/", b"{}"),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_a_page_of_another_site_changes_nothing(server: Server, method: str, path: str, body: object) -> None:
    told = {"Authorization": BASIC, "Content-Type": FORM_TYPE if body is FORM else "text/plain"}
    for foreign in (
        {"Origin": EVIL},
        {"Origin": "null"},
        {"Origin": f"http://127.0.0.1:{server.port + 1}"},
        {"Origin": f"http://127.0.0.1:{server.port}.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": server.url},
    ):
        status, answer, headers = server.call(method, path, body, **told, **foreign)
        assert (status, "another web site" in answer["error"]) == (403, True), foreign
        assert not [name for name in headers if name.startswith("access-control")]
    assert {"reviews", "topics"} == {model["name"] for model in server.call("GET", "/models")[1]["models"]}
    assert server.admin("GET", "/feedback?flywheel=reviews")[1] == []


def test_programs_and_the_services_own_pages_are_answered(server: Server) -> None:
    body = {"texts": [FILM], "model": "reviews"}
    for own in (
        {},
        {"Origin": server.url},
        {"Origin": f"http://localhost:{server.port}", "Host": f"localhost:{server.port}"},
        {"Origin": "https://127.0.0.1", "Host": "127.0.0.1", "Sec-Fetch-Site": "same-origin"},  # TLS ends before us
        {"Sec-Fetch-Site": "none"},
    ):
        assert server.call("POST", "/predict", body, **own)[0] == 200, own
    assert server.call("GET", "/models", None, Origin=EVIL)[0] == 200  # which no page of theirs can read


NAMES = [
    "evil.example",
    "evil.example:3000",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "evil",
    "127.1",
    "[x]",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_another_site_chose_is_not_answered(server: Server, name: str) -> None:
    for path in ("/jobs", "/models", "/docs", "/openapi.json", "/metrics", "/", "/ui/", "/ui/config"):
        status, answer, _ = server.call("GET", path, None, Host=name, Origin=f"http://{name}")
        assert status == 403, path
        assert name in answer["error"]
        assert VARIABLE in answer["error"]
    assert server.call("POST", "/predict", {"texts": [FILM], "model": "reviews"}, Host=name)[0] == 403


def test_health_by_any_name_and_all_by_those_that_no_site_can_have(server: Server) -> None:
    for path in ("/livez", "/readyz", "/healthz", "/ping", "/v2/health/ready"):
        assert server.call("GET", path, None, Host="volant.default.svc.cluster.local")[0] == 200
    for name in ("localhost", "a.localhost:80", "LOCALHOST.", "10.1.2.3:3000", "[::1]:3000", socket.gethostname()):
        assert server.call("GET", "/models", None, Host=name)[0] == 200, name
    assert server.call("GET", "/models", None, Host="evil.example", Authorization=f"Bearer {ADMIN}")[0] == 200
    assert server.call("GET", "/models", None, Host="evil.example", Authorization="Bearer wrong")[0] == 403


@pytest.fixture(scope="module")
def named(project: Path) -> Iterator[Server]:
    names = {VARIABLE: "ml.example.com, *.corp.example"}
    with serving(project, VOLANT_API_TOKENS="one", output=project / "said", **names) as running:
        yield running


def test_names_can_be_given_and_tokens_do_as_well(named: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    status, _, headers = named.call("GET", "/models", None, Host="any.example")
    assert (status, "www-authenticate" in headers) == (401, True)  # so that a browser can ask
    assert named.call("GET", "/models", None, Host="any.example", Authorization="Bearer one")[0] == 200
    proxied = {"Host": "127.0.0.1:3000", "Origin": "https://ml.example.com", "Authorization": "Bearer one"}
    assert named.call("POST", "/predict", {"texts": [FILM], "model": "reviews"}, **proxied)[0] == 200
    foreign = {**proxied, "Origin": "https://ml.example.com:8443"}
    assert named.call("POST", "/predict", {"texts": [FILM], "model": "reviews"}, **foreign)[0] == 403
    assert (
        "requires no token" not in (named.root / "said").read_text()
    )  # it listens on the network, and asks for tokens
    monkeypatch.setenv(VARIABLE, "ml.example.com *.corp.example")
    hosts = Hosts(["other.example:8443"])
    given = ("ml.example.com", "a.corp.example:1", "other.example", "corp.example", "x.ml.example.com")
    assert [hosts.answers(name) for name in given] == [True, True, True, False, False]
    assert not hosts.trusts("https://a.corp.example", "127.0.0.1")  # a name of ours is no origin of ours
    assert Hosts(["*"]).answers("evil.example")
    assert not Hosts(["*"]).trusts(EVIL, "127.0.0.1")


@pytest.mark.parametrize("name", ["http://ml.example.com", "ml.example.com/ui", "a b", "*.*", "ml.*", ""])
def test_a_name_that_is_none_is_refused_at_the_start(name: str) -> None:
    with pytest.raises(VolantError, match=r"is not a valid name\. Give the name"):
        Hosts([name])


def test_both_challenges_stand_alone(server: Server) -> None:
    from http.client import HTTPConnection

    connection = HTTPConnection("127.0.0.1", server.port)
    connection.request("GET", "/feedback?flywheel=reviews")
    found = connection.getresponse().headers.get_all("WWW-Authenticate") or []
    assert [value.partition(" ")[0] for value in found] == ["Bearer", "Basic"]
    assert "'none'" in server.call("GET", "/docs")[2]["content-security-policy"]  # no frame over it


@pytest.mark.parametrize(
    ("host", "is_open", "warned"),
    [("localhost", True, True), ("10.1.2.3", True, True), ("127.0.0.1", True, False), ("localhost", False, False)],
)
def test_a_service_that_everybody_may_use_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], host: str, is_open: bool, warned: bool
) -> None:
    # `localhost` is what BentoML says for 0.0.0.0, its default
    monkeypatch.setenv("BENTOML_RUNNER_MAP", f'{{"volant": "http://{host}:3000"}}')
    docs.announce(has_ui=True, is_open=is_open)
    said = capsys.readouterr()
    assert f"http://{host}:3000/ui" in said.out
    assert ("WARNING" in said.err, "--host 127.0.0.1" in said.err) == (warned, warned)


def test_make_serve_listens_on_this_machine_alone() -> None:
    root = ROOT

    def command(*more: str) -> str:
        told = {**os.environ, "HOST": "192.0.2.1"}  # some shells set it to the machine's name
        run = ["make", "--dry-run", "--always-make", "serve", *more]
        return subprocess.run(run, cwd=root, env=told, capture_output=True, text=True, check=True).stdout

    assert "--host 127.0.0.1" in command()
    assert "--host 0.0.0.0" in command("HOST=0.0.0.0")
