"""What stands before Gradio, and what Gradio checks itself: no file of the service, no room without end."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from volant.service.access.clients import HEADER
from volant.service.errors import RefusedError
from volant.service.ui import forms, sessions, uploads
from volant.service.ui.policy import Policy
from volant.service.ui.site import site
from volant.service.ui.uploads import Uploads

SECRET = "only for the service"
JSON = {"Content-Type": "application/json"}
LARGEST = 1000


class Site:
    """The pages in this process, where nothing answers behind them."""

    def __init__(self, root: Path, policy: Policy) -> None:
        self.root = root
        self.policy = policy
        self.folder = root / "uploads"
        self.client = TestClient(policy, raise_server_exceptions=False)
        self.plain = TestClient(policy.app, raise_server_exceptions=False)  # Gradio, with nothing before it
        self.config: dict[str, Any] = self.client.get("/ui/config").json()
        self.kinds = {one["id"]: one["type"] for one in self.config["components"]}
        self.answers = next(one["id"] for one in self.config["components"] if one["props"].get("elem_id") == "answers")

    def functions(self) -> list[dict[str, Any]]:
        return [one for one in self.config["dependencies"] if one["inputs"] and one["backend_fn"]]

    def join(self, client: TestClient, function: int, data: list[Any], **more: Any) -> Any:
        session = uuid.uuid4().hex[:12]
        body = {"data": data, "fn_index": function, "session_hash": session, **more}
        status = client.post("/ui/gradio_api/queue/join", json=body).status_code
        return status, client.get(f"/ui/gradio_api/queue/data?session_hash={session}").text if status == 200 else ""

    def tell(self, **changed: Any) -> Any:
        body = {"session_hash": "abc", "component_id": self.answers, "fn_name": "submit", "data": {}} | changed
        return self.client.post("/ui/gradio_api/component_server/", content=json.dumps(body), headers=JSON)

    def upload(self, count: int = 1, client: str = "192.0.2.1", text: bytes = b"A fine film.") -> Any:
        some = [("files", (f"{number}.txt", b"%d %s" % (number, text))) for number in range(count)]
        return self.client.post("/ui/gradio_api/upload", files=some, headers={HEADER: f"1 {client} word"})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("GRADIO_TEMP_DIR", str(root / "uploads"))
        patch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
        (root / "service.yaml").write_text(f"jobs: {{upload_bytes: {LARGEST}}}\n")
        (root / "uploads").mkdir()
        (root / "secret.txt").write_text(SECRET)
        (root / "uploads/link.txt").symlink_to(root / "secret.txt")
        policy = site("http://127.0.0.1:9", packaged=False)
        assert isinstance(policy, Policy)
        with TestClient(policy.app):  # so that the queue runs
            yield Site(root, policy)


@pytest.fixture
def pages(made: Site) -> Site:
    """The same, without what was uploaded before."""
    made.policy.uploads = Uploads(LARGEST)
    return made


def reference(path: Path | str) -> dict[str, Any]:
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}}


def test_gradio_itself_refuses_files_that_were_not_uploaded(pages: Site) -> None:
    secret = reference(pages.root / "secret.txt")
    for function in pages.functions():
        data = [None if pages.kinds[one] == "state" else secret for one in function["inputs"]]
        assert pages.join(pages.plain, function["id"], data)[0] == 200
    copies = [path for path in pages.folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert SECRET not in {path.read_text() for path in copies}


def test_no_reference_to_another_file_gets_to_gradio(pages: Site) -> None:
    secret = pages.root / "secret.txt"
    bad = [reference(one) for one in (secret, "secret.txt", "/etc/passwd", "", "http://127.0.0.1/", "/\0")]
    bad += [reference(pages.folder / "../secret.txt"), reference(pages.folder / "link.txt"), reference(pages.folder)]
    bad += [{"path": str(secret)}, {"path": [str(secret)]}, {**reference(secret), "url": "x", "is_stream": True}]
    folded = json.dumps(reference(secret)).replace("FileData", "File\\u0044ata")
    texts = [json.dumps(reference(secret)), f" {json.dumps([[reference(secret)]])}", json.dumps(folded), folded]
    function = pages.functions()[0]["id"]
    for one in [*bad, *texts]:
        for deep in (one, [one], {"a": [{"b": one}]}):
            assert pages.join(pages.client, function, [deep])[0] == 403, deep
            assert pages.join(pages.client, function, [], event_data=deep)[0] == 403, deep
            assert pages.tell(data=deep).status_code == 403, deep
            for path in ("cancel", "reset"):
                assert pages.client.post(f"/ui/gradio_api/{path}", json={"a": deep}).status_code == 403
    assert pages.tell(data={"token": "x"}, component_id={"path": "/etc/passwd"}).status_code in (403, 422)


def test_texts_and_uploaded_files_are_no_such_references(pages: Site) -> None:
    path = pages.upload().json()[0]
    for fine in ('{"path": "/etc/passwd"}', '{"a": 1', "[1, 2]", '"path"', "path: /etc/passwd", reference(path)):
        forms.check_files({"data": [fine, [fine]]}, pages.folder)


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{}", "text/plain", 415),
        (b"{}", "", 415),
        (b"{}", "application/x-www-form-urlencoded", 415),
        (b"{}", "multipart/form-data; boundary=x", 415),
        (b"\xff", "application/json", 422),
        (b'{"a": NaN}', "application/json", 422),
        (b'{"a": "\\ud800"}', "application/json", 422),
        (b"[" * 100_000, "application/json", 422),
        (b"[]", "application/json", 422),
        (b"{", "application/json; charset=utf-8", 422),
    ],
)
def test_a_body_that_the_page_does_not_send_is_refused(pages: Site, content: bytes, kind: str, status: int) -> None:
    for path in ("queue/join", "component_server/", "cancel", "reset"):
        answer = pages.client.post(f"/ui/gradio_api/{path}", content=content, headers={"Content-Type": kind})
        assert answer.status_code == status
        assert answer.json()["error"]


@pytest.mark.parametrize(
    "changed",
    [
        {"session_hash": None},
        {"session_hash": "x" * 65},
        {"session_hash": "../x"},
        {"session_hash": 1},
        {"component_id": 10**9},
        {"component_id": True},
        {"component_id": None},
        {"fn_name": "__init__"},
        {"fn_name": None},
    ],
)
def test_a_part_that_the_page_has_not_is_refused(pages: Site, changed: dict[str, Any]) -> None:
    assert pages.tell(**changed).status_code == 422


@pytest.mark.parametrize("said", [None, [], "x", 1, {}, {"id": "x"}, {"token": 1}, {"id": 1, "about": 2, "text": 3}])
def test_a_word_that_no_button_says_is_refused_in_words(pages: Site, said: Any) -> None:
    answer = pages.tell(data=said)
    assert (answer.status_code, answer.json()["good"]) == (200, False)
    assert "The message is not valid" in answer.json()["text"]


def test_a_token_may_be_anything_that_is_typed(pages: Site) -> None:
    word = {"id": "x", "about": "m", "text": "t", "say": "right", "labels": None}
    for token in ("a" * 100_000, "\0\n\r x", "wröng", "\u202e"):
        answer = pages.tell(data={**word, "token": token})
        assert (answer.status_code, "does not respond (ConnectError)" in answer.json()["text"]) == (200, True), token


def test_no_origin_may_read_the_pages(pages: Site) -> None:
    for host in ("ml.corp:3000", "localhost"):
        headers = pages.client.get("/ui/config", headers={"Origin": "http://evil.example", "Host": host}).headers
        assert not [name for name in headers if name.startswith("access-control")]


def test_pages_of_one_client_take_room_of_its_own(pages: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "PER_CLIENT", 5)
    body = {"component_id": pages.answers, "fn_name": "submit", "data": {}}
    kept = pages.policy.sessions
    before = len(list(kept))

    def open_page(session: str, client: str) -> None:
        told = {"session_hash": session, **body}
        headers = {HEADER: f"1 {client} word"}
        assert pages.client.post("/ui/gradio_api/component_server/", json=told, headers=headers).status_code == 200

    open_page("honest", "192.0.2.9")
    for number in range(40):
        open_page(f"new{number}", f"2001:db8::{number}")  # one network
    assert len(list(kept)) == before + 1 + 5
    assert {"honest", "new39"} <= set(kept)
    assert "new0" not in kept


def test_what_a_client_does_not_fetch_is_bounded(pages: Site) -> None:
    function = next(one for one in pages.functions() if pages.kinds[one["inputs"][0]] == "textbox")

    def join(number: int, client: str) -> int:
        session = f"{client[-1]}s{number % 7}"
        body = {"data": [None] * len(function["inputs"]), "fn_index": function["id"], "session_hash": session}
        answer = pages.client.post("/ui/gradio_api/queue/join", json=body, headers={HEADER: f"1 {client} word"})
        return answer.status_code

    taken = [join(number, "192.0.2.5") for number in range(200)]
    assert taken[0] == 200
    assert taken[-1] == 429
    assert join(8, "192.0.2.6") == 200


def test_uploads_of_one_client_are_bounded_by_number_and_by_size(pages: Site) -> None:
    taken = [pages.upload(uploads.PARTS, text=b"%d" % number).status_code for number in range(12)]
    assert taken == [200] * 10 + [429] * 2
    assert pages.upload(client="192.0.2.2").status_code == 200  # another's
    assert pages.upload(client="192.0.2.1").headers["retry-after"] == "600"
    assert pages.upload(uploads.PARTS + 1, client="192.0.2.3").status_code == 400
    for path in pages.folder.rglob("*.txt"):
        path.unlink()  # the API has them
    assert pages.upload().status_code == 200
    large = [pages.upload(client="192.0.2.4", text=b"%d" % number + b"x" * 800).status_code for number in range(5)]
    assert large == [200, 200, 200, 429, 429]


def test_a_form_holds_files_only_and_one_that_breaks_off_is_counted(pages: Site) -> None:
    field = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert pages.client.post("/ui/gradio_api/upload?upload_id=1", content=field, headers=headers).status_code == 400
    clock = iter([0.0, 1.0, 2.0, 3.0, 4.0, uploads.DEAD + 5.0])
    counted = Uploads(LARGEST, lambda: next(clock))
    for _ in range(uploads.SHARE):
        counted.begin("a", None)  # whose length is not said: of the largest size
    with pytest.raises(RefusedError, match="Too many uploads: at most"):
        counted.begin("a", 1)
    counted.begin("b", 10**9)
    counted.begin("a", 1)  # later: of the first ones nothing is left


def test_all_uploads_are_bounded_and_none_looks_at_all_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Uploads(LARGEST)
    looked = list[Path]()
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda path: looked.append(path) or exists(path))
    for number in range(uploads.OF_ALL // uploads.PARTS):
        some = [tmp_path / f"{number}-{part}" for part in range(uploads.PARTS)]
        for path in some:
            path.touch()
        upload = counted.begin(str(number), 1)
        counted.end(upload, json.dumps([str(path) for path in some]).encode())
    assert looked == []
    with pytest.raises(RefusedError, match="Too many uploads of all clients"):
        counted.begin("new", 1)
    for path in tmp_path.iterdir():
        path.unlink()
    counted.begin("new", 1)
