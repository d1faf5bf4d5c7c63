"""The web UI as one app: only the needed parts of Gradio, nothing loaded from outside, with limits on memory."""

import re
from typing import Any

import gradio as gr
from fastapi import FastAPI
from gradio import route_utils
from starlette.types import ASGIApp

from volant.service import settings
from volant.service.ui import files, style
from volant.service.ui.blocks import build
from volant.service.ui.policy import PageIds, Policy
from volant.service.ui.proxy import PREFIX
from volant.service.ui.sessions import MOST, Sessions
from volant.service.ui.uploads import PARTS, Uploads

TEMPLATE = "frontend/index.html"


def site(address: str, packaged: bool) -> ASGIApp:
    """Return the app.

    Args:
        address: Address of the service.
        packaged: True if there is no registry; parts that need it are omitted.
    """
    _strip_template()
    route_utils.GradioMultiPartParser = Form  # where `upload_fn` looks it up
    config = settings.load()
    blocks = build(address, config, packaged, delete_cache=(files.HOUR, files.HOUR))
    blocks.has_launched = True  # a mounted app never sets it, and without it Gradio doesn't check the paths of files
    blocks.state_session_capacity = MOST
    blocks.queue(default_concurrency_limit=20, max_size=500, api_open=False)
    largest = config.jobs.upload_bytes
    app = gr.mount_gradio_app(
        FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
        blocks,
        path=PREFIX,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        mcp_server=False,
        ssr_mode=False,
        pwa=False,
        show_error=False,
        max_file_size=largest,
        theme=style.theme(),
        css=style.css(),
    )
    ids = PageIds(
        servers=frozenset(number for number, block in blocks.blocks.items() if getattr(block, "server_fns", None)),
        functions=frozenset(blocks.fns),
    )
    holder = blocks.state_holder
    states = (holder.session_data, holder.time_last_used)
    return Policy(app, ids, Sessions(states, blocks._queue.pending_messages_per_session), Uploads(largest))


class Form(route_utils.GradioMultiPartParser):
    """A parser for a form with a few files and nothing else: Gradio allows a thousand, and huge fields in memory."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "max_files": PARTS, "max_fields": 0})


def _strip_template() -> None:
    """Remove references to other servers, and to an app manifest at a foreign address, from Gradio's page."""
    from gradio.routes import templates
    from jinja2 import ChoiceLoader, DictLoader

    loader = templates.env.loader
    assert loader is not None  # noqa: S101  (Starlette sets it)
    page = loader.get_source(templates.env, TEMPLATE)[0]
    page = re.sub(r'<meta\s+(?:property="og:|name="twitter:)[^>]*>|<link rel="manifest"[^>]*>', "", page)
    page = page.replace("</head>", f"{style.ICON}</head>", 1)
    templates.env.loader = ChoiceLoader([DictLoader({TEMPLATE: page}), loader])
