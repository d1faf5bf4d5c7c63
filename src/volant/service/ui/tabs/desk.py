"""What the parts of the tab Deploy share."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from volant.service.ui.actions import Actions
from volant.service.ui.page import Page


@dataclass(frozen=True)
class Desk:
    """What the parts of the tab share.

    Attributes:
        page: The page.
        actions: The log.
        who: The field with the person's name.
        opened: Whether the tab was looked at: the registry is asked only then.
        looking: Events after which the registry is asked again.
    """

    page: Page
    actions: Actions
    who: gr.Textbox
    opened: gr.State
    looking: list[Any]
