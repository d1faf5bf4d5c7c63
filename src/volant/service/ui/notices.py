"""Pages while the web UI is not available: plain HTML, as they are made without Gradio."""

from dataclasses import dataclass
from html import escape

POLICY = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class Notice:
    """The reason why the web UI is not available.

    Attributes:
        title: Short title.
        text: Next step for the user.
        again: Seconds until the page reloads; 0: never.
    """

    title: str
    text: str
    again: int = 0


STARTING = Notice("The web UI is starting", "It will be ready in a few seconds. The API is ready.", 2)
FAILING = Notice(
    "The web UI can't be started",
    "Its process repeatedly fails; see the service's log. The API is not affected.",
    30,
)
MISSING = Notice(
    "The web UI is not installed",
    "Install it with `pip install 'volant-nlp[ui]'`, or add it to a package with `volant package NAME --ui`. "
    "The API is described at /docs.",
)
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">{again}
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title} - Volant</title>
<style>:root{{color-scheme:light dark}}body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto;
padding:0 1rem}}</style></head><body><main><h1>{title}</h1><p role="status">{text}</p></main></body></html>"""


def html(notice: Notice) -> str:
    """Return the page; it reloads itself if that can help.

    Example:
        >>> 'content="2"' in html(STARTING), "pip install" in html(MISSING)
        (True, True)
    """
    again = f'<meta http-equiv="refresh" content="{notice.again}">' if notice.again else ""
    return PAGE.format(again=again, title=escape(notice.title), text=escape(notice.text))
