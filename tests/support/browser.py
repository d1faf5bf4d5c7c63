"""What tests of the web UI share."""

import base64
import os
import shutil
from collections.abc import Callable

from playwright.sync_api import Page

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
