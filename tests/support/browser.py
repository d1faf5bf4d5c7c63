"""What tests of the web UI share."""

import base64
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from support.serving import ADMIN, Server

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SHOTS = os.environ.get("VOLANT_SCREENSHOTS")
PHONE = {"width": 390, "height": 844}


def basic(token: str) -> str:
    """What a browser sends of a password."""
    return f"Basic {base64.b64encode(f'x:{token}'.encode()).decode()}"


def pages(server: Server, seconds: float = 180, token: str = ADMIN) -> None:
    """Wait until the pages are there."""
    import time

    deadline = time.monotonic() + seconds
    while server.call("GET", "/ui/", None, Authorization=basic(token))[0] != 200:
        assert time.monotonic() < deadline, "the pages did not start"
        time.sleep(0.2)


Opening = Callable[..., Page]

# fields that a person sees, and a screen reader has no name for
NAMELESS = """[...document.querySelectorAll('input:not([type=file]), textarea, select')]
  .filter(field => field.offsetParent && !field.labels?.length && !field.ariaLabel).map(field => field.outerHTML)"""


def ask(page: Page, texts: list[str], model: str = "reviews") -> Locator:
    choose(page, "Model", model)
    page.get_by_label("Texts, one per line").fill("\n".join(texts))
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#message")).to_contain_text(f"predicted by {model}")
    return page.get_by_role("list", name="Predictions").locator("> li")


def choose(page: Page, label: str, option: str) -> None:
    field = page.get_by_label(label, exact=True).locator("visible=true")
    field.click()
    page.get_by_role("option", name=option, exact=True).click()
    expect(field).to_have_value(option)
    expect(page.get_by_role("option")).to_have_count(0)


def as_admin(page: Page, tab: str, token: str = ADMIN) -> None:
    page.get_by_label("Token").fill(token)
    page.get_by_label("Token").press("Enter")
    page.get_by_role("tab", name=tab).click()


def shoot(page: Page, name: str, height: int = 0) -> None:
    """For the README; only when asked, so that tests leave the tree clean."""
    if SHOTS:
        page.mouse.move(0, 0)
        if height:
            page.set_viewport_size({"width": 1100, "height": height})
        page.evaluate("window.scrollTo(0, 0)")
        page.screenshot(path=Path(SHOTS) / f"ui-{name}.png", animations="disabled")
