"""The pages beside a real service: who clients are, what is closed, what survives a kill."""

import os
import shutil
import time
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, Error, Page, expect

from support.browser import pages
from support.serving import ADMIN, Server, serving
from volant.service.access.clients import HEADER, client_key, sign_address
from volant.service.settings import Settings
from volant.service.ui import files
from volant.service.ui.actions import Actions
from volant.service.ui.blocks import build
from volant.service.ui.markup import bars, note, table
from volant.workspace.distribution import requirements

CSV = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nA fine film.\r\n--x--\r\n'


def test_a_packaged_service_has_what_needs_no_registry() -> None:
    def tabs(packaged: bool) -> list[str]:
        found = build("http://127.0.0.1:9", Settings(), packaged).config["components"]
        return [one["props"]["label"] for one in found if one["type"] == "tabitem"]

    assert tabs(packaged=False) == ["Try", "Batch", "Deploy", "Versions", "Feedback"]
    assert tabs(packaged=True) == ["Try", "Batch", "Feedback"]


def test_what_comes_from_outside_is_escaped() -> None:
    bad = "<img src=x onerror=alert(1)>"
    for made in (note(bad), table(bad, [bad], [[bad]]), bars({bad: 0.5}, [bad], [bad]), bars({bad: 0.5}, [], [])):
        assert "<img" not in made


def test_the_log_says_who_did_what_and_what_was_refused(tmp_path: Path) -> None:
    from volant.errors import VolantError

    log = Actions(tmp_path)
    assert log.run("Ann", "add", lambda: 1 + 1) == 2
    with pytest.raises(VolantError):
        log.run("<b>", "fail", lambda: (_ for _ in ()).throw(VolantError("no such thing")))
    html = Actions(tmp_path).html()
    assert html.index("refused: no such thing") < html.index("done")
    assert "&lt;b&gt;" in html
    assert log.html() == html


def test_clients_behind_the_pages_are_told_apart(served: Server) -> None:
    key = client_key(served.root)

    def jobs(**headers: str) -> list[str]:
        return [job["id"] for job in served.call("GET", "/jobs", None, **headers)[1]]

    ann, bob = ({HEADER: sign_address(host, key)} for host in ("192.0.2.1", "192.0.2.2"))
    told = {**ann, "Content-Type": "multipart/form-data; boundary=x"}
    form = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nreviews\r\n' + CSV
    status, job, _ = served.call("POST", "/jobs", form, **told)
    assert status == 201, job
    assert job["id"] in jobs(**ann)
    for other in (bob, {}, {HEADER: sign_address("192.0.2.1", b"guessed")}):
        assert job["id"] not in jobs(**other)
        assert served.call("GET", f"/jobs/{job['id']}", None, **other)[0] == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/ui/gradio_api/proxy=https://example.com"),
        ("GET", "/ui/monitoring"),
        ("GET", "/ui/gradio_api/runs"),
        ("GET", "/ui/openapi.json"),
        ("POST", "/ui/gradio_api/run/predict"),
        ("POST", "/ui/gradio_api/vibe-edit"),
        ("GET", "/ui/gradio_api/file=/etc/passwd"),
        ("GET", "/ui/gradio_api/file=.volant/service/admin-token"),
        ("GET", "/ui/gradio_api/file=.volant/service/client-key"),
        ("GET", "/ui/gradio_api/file=mlflow.db"),
        ("GET", "/ui/gradio_api/file=params.yaml"),
        ("GET", "/ui/gradio_api/file=https://example.com/a"),
        ("GET", "/ui/static/../../../../etc/passwd"),
    ],
)
def test_what_the_pages_do_not_need_is_closed(served: Server, method: str, path: str) -> None:
    assert served.call(method, path)[0] in (403, 404)
    name, equals, file = path.partition("=")
    if equals and "://" not in file:  # by its whole path too
        assert served.call(method, f"{name}={(served.root / file).resolve()}")[0] in (403, 404)


def test_a_page_names_nobody_else_and_says_what_it_may_load(served: Server) -> None:
    status, page, headers = served.call("GET", "/ui/", None, Host="films.example")
    assert status == 200
    assert "default-src 'self'" in headers["content-security-policy"]
    assert '"root":"http://films.example/ui"' in page
    assert "githubusercontent" not in page
    assert "google" not in page.lower()
    assert served.call("GET", "/")[2]["location"] == "ui"


def test_an_upload_has_a_limit(served: Server) -> None:
    form = "multipart/form-data; boundary=x"
    tree = "application/json"
    cases = (("upload", form, "jobs.upload_bytes", 2), ("queue/join", tree, "limits.body_bytes", 11))
    for path, kind, limit, size in cases:
        status, told, _ = served.call("POST", f"/ui/gradio_api/{path}", b"x" * size * 2**20, Content_Type=kind)
        assert (status, limit in told["error"]) == (413, True)


@pytest.mark.slow
def test_two_workers_share_one_process_which_comes_back_and_ends(
    filmed: Path, tmp_path: Path, browser: Browser
) -> None:
    shutil.copytree(filmed, root := tmp_path / "p")
    with serving(root, VOLANT_WORKERS="2", VOLANT_API_TOKENS="for-friends") as server:
        assert server.call("GET", "/models")[0] == 401
        pages(server, token="for-friends")
        first = only(server)
        assert not {"VOLANT_ADMIN_TOKEN", "VOLANT_API_TOKENS"} & set(first.environ())
        ask_with_a_token(server, browser)
        first.kill()
        wait(lambda: [one.pid for one in processes(server)] not in ([], [first.pid]))  # begun again
        second = only(server)
        owner = second.parent()
        assert owner is not None
        owner.kill()  # the worker that holds the lock: the other one, or the one that comes for it, takes over
        wait(lambda: not is_pages(second))
        pages(server, token="for-friends")
        third = only(server)
        page = friend(server, browser)
        page.goto(f"{server.url}/ui")  # and stays open: the service must end all the same
        expect(page.get_by_label("Model").first).to_have_value("reviews")
        begun = time.monotonic()
    assert time.monotonic() - begun < 15
    page.context.close()
    wait(lambda: not is_pages(third))
    log = root / ".volant/service"
    assert ADMIN not in "".join(path.read_text() for path in log.glob("*.json*"))


def ask_with_a_token(server: Server, browser: Browser) -> None:
    page = friend(server, browser)
    page.goto(f"{server.url}/ui")
    expect(page.get_by_label("Model").first).to_have_value("reviews")  # the browser's token is enough
    page.get_by_label("Token").fill("wröng")
    page.get_by_label("Token").press("Enter")
    expect(page.locator("#trouble")).to_contain_text("The token for this is wrong")
    page.get_by_label("Token").fill("for-friends")
    page.get_by_label("Token").press("Enter")
    expect(page.get_by_label("Model").first).to_have_value("reviews")
    page.get_by_label("Texts, one per line").fill("A superb cast.")
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#message")).to_contain_text("predicted by reviews, version 2")
    page.get_by_role("button", name="Correct: text 1").click()
    expect(page.locator("#answers").get_by_role("status")).to_contain_text("Thank you")
    page.context.close()


def friend(server: Server, browser: Browser) -> Page:
    """A browser without the token is asked for it, and gets nothing; with it, it does."""
    stranger = browser.new_page()
    for path in ("/ui", "/ui/", "/docs"):
        with pytest.raises(Error, match="ERR_INVALID_AUTH_CREDENTIALS"):  # it asks, and nobody is there to answer
            stranger.goto(f"{server.url}{path}")
    for path in ("/ui", "/ui/", "/ui/config", "/ui/assets/a.js", "/ui/gradio_api/heartbeat/a"):
        assert server.call("GET", path)[0] == 401
    for path in ("/ui/gradio_api/upload", "/ui/gradio_api/queue/join", "/ui/gradio_api/component_server/"):
        assert server.call("POST", path, {})[0] == 401
    stranger.context.close()
    context = browser.new_context(http_credentials={"username": "", "password": "for-friends"})
    page = context.new_page()
    response = page.goto(f"{server.url}/docs")
    assert response is not None
    assert response.status == 200
    expect(page.get_by_text("Predictions by the champion of every deployed flywheel")).to_be_visible()
    return page


def processes(server: Server) -> list[psutil.Process]:
    return [one for one in psutil.Process(server.process.pid).children(recursive=True) if is_pages(one)]


def is_pages(process: psutil.Process) -> bool:
    try:
        return "volant.service.ui" in process.cmdline()
    except psutil.Error:  # it ended meanwhile
        return False


def only(server: Server) -> psutil.Process:
    found = processes(server)
    assert len(found) == 1
    return found[0]


def wait(until: object, seconds: float = 30) -> None:
    assert callable(until)
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_package_has_the_pages_only_if_they_are_asked_for() -> None:
    without, with_pages = (
        {line.partition("==")[0] for line in requirements(*extras)} for extras in (["serve"], ["serve", "ui"])
    )
    assert with_pages - without == {"gradio", "httpx"}


def test_files_do_not_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    for name in ("old", "new"):
        (files.place(name) / "a").write_text("12345")
    os.utime(tmp_path / "old/a", (0, 0))
    for name, age in (("tmp1", files.DEAD + 60), ("tmp2", 0)):  # what Gradio is reading, or was
        (tmp_path / name).write_text("12345")
        os.utime(tmp_path / name, (then := time.time() - age, then))
    files.sweep()
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == {"new/a", "tmp2"}
