"""Shared state of the parts of the tab Deploy."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from volant.service.ui.actions import Actions
from volant.service.ui.page import Page


@dataclass(frozen=True)
class TabContext:
    """Shared state of the parts of the tab.

    Attributes:
        page: The page.
        actions: Log of actions.
        who: Field with the user's name.
        opened: True once the tab was opened: the registry is queried only then.
        refreshes: Events after which the registry is queried again.
    """

    page: Page
    actions: Actions
    who: gr.Textbox
    opened: gr.State
    refreshes: list[Any]
