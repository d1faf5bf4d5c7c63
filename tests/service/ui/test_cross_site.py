"""A page of another web site, in a real Chromium that has the service's password: it can change nothing, nor read."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from support.browser import CHROMIUM
from support.serving import ADMIN, Server

# each way in which a page can send something without being asked by the browser first
ATTACK = """async ([service, answers]) => {
  const said = {id: "x", about: "reviews", text: "cross-site", say: "wrong", labels: ["fresh"], token: ""};
  const body = JSON.stringify({session_hash: "x", component_id: answers, fn_name: "submit", data: said});
  const form = new FormData();
  form.append("file", new File(["A fine film."], "a.txt"));
  form.append("model", "reviews");
  const files = new FormData();
  files.append("files", new File(["A fine film."], "a.txt"));
  const sent = {method: "POST", mode: "no-cors", credentials: "include"};
  await fetch(service + "/ui/gradio_api/component_server/", {...sent, body});
  await fetch(service + "/jobs", {...sent, body: form});
  await fetch(service + "/ui/gradio_api/upload", {...sent, body: files});
  await fetch(service + "/v2/repository/models/topics/unload", sent);
  navigator.sendBeacon(service + "/v2/repository/models/topics/unload");
  const read = async path => { try { return (await fetch(service + path)).status } catch { return "not readable" } };
  return [await read("/ui/config"), await read("/models")];
}"""
SUBMIT = """service => {
  const form = document.createElement("form");
  Object.assign(form, {method: "POST", action: service + "/v2/repository/models/topics/unload"});
  document.body.append(form);
  form.submit();
}"""
REBIND = """async () => {
  const call = async (path, given) => (await fetch(path, given)).status;
  const json = {method: "POST", headers: {"Content-Type": "application/json"}};
  const feedback = {...json, body: JSON.stringify({text: "a", label: "fresh", model: "reviews"})};
  return [await call("/jobs"), await call("/models"), await call("/ui/config"), await call("/feedback", feedback)];
}"""


class Evil(BaseHTTPRequestHandler):
    """A site that answers everything with an empty page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>evil</title><body></body>")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture(scope="module")
def evil() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Evil) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield site.server_port
        site.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One that finds the evil site, and the service, under names of that site."""
    if CHROMIUM is None:
        pytest.skip("There is no Chromium here: `apt-get install chromium`, or Google Chrome.")
    names = "--host-resolver-rules=MAP *.test 127.0.0.1"
    with sync_playwright() as started:
        found = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage", names]
        )
        yield found
        found.close()


def state(served: Server) -> tuple[object, ...]:
    deployed = {model["name"] for model in served.call("GET", "/models")[1]["models"]}
    files = [path for path in (served.root / ".volant/service/ui").rglob("*") if path.is_file()]
    kept = served.admin("GET", "/feedback?flywheel=reviews")[1]
    return deployed, len(files), len(kept), len(served.call("GET", "/jobs")[1])


def as_admin(browser: Browser, served: Server) -> Page:
    """A page of a browser that has signed in to the service as the admin."""
    page = browser.new_context(http_credentials={"username": "", "password": ADMIN}).new_page()
    response = page.goto(f"{served.url}/feedback?flywheel=reviews")
    assert response is not None
    assert response.status == 200  # the challenge was answered: the browser knows the password now
    return page


def test_a_page_of_another_site_changes_and_reads_nothing(browser: Browser, served: Server, evil: int) -> None:
    config = served.call("GET", "/ui/config")[1]
    answers = next(one["id"] for one in config["components"] if one["props"].get("elem_id") == "answers")
    before = state(served)
    page = as_admin(browser, served)
    for origin in (f"http://127.0.0.1:{evil}", f"http://localhost:{evil}", f"http://evil.test:{evil}"):
        page.goto(f"{origin}/")
        assert page.evaluate(ATTACK, [served.url, answers]) == ["not readable", "not readable"]
        with page.expect_navigation():
            page.evaluate(SUBMIT, served.url)
        assert "another web site" in page.inner_text("body")
    assert state(served) == before
    page.context.close()


def test_a_name_that_comes_to_mean_this_machine_reads_nothing(browser: Browser, served: Server) -> None:
    before = state(served)
    page = browser.new_page()
    for path in ("/ui/", "/docs", "/jobs"):
        response = page.goto(f"http://evil.test:{served.port}{path}")
        assert response is not None
        assert response.status == 403
    assert page.evaluate(REBIND) == [403, 403, 403, 403]
    assert state(served) == before
    page.context.close()
