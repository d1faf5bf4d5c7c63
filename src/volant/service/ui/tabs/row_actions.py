"""What a button of a row says: the word of a person on an answer, or on feedback."""

from collections.abc import Callable
from typing import Any, Literal

import gradio as gr
from pydantic import BaseModel, ConfigDict, ValidationError

from volant.errors import VolantError
from volant.service.ui.api import Caller
from volant.service.ui.page import Page


class Word(BaseModel):
    """What `rows.js` sends.

    Attributes:
        id: Of the answer or the feedback.
        about: The model or the flywheel.
        text: That was answered.
        say: What the button means.
        labels: The right ones; None: not known.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    id: str
    about: str
    text: str
    say: Literal["right", "wrong", "accept", "reject"]
    labels: list[str] | None = None
    token: str = ""


def teller(page: Page, send: Callable[[Caller, Word], str]) -> Any:
    """The function that the buttons call.

    Args:
        page: The page.
        send: Hands the word to the API, and gives what the person is told then.
    """

    def tell(said: Any, request: gr.Request) -> dict[str, Any]:
        try:
            word = Word.model_validate(said)
            return {"good": True, "text": send(page.who(word.token, request), word)}
        except ValidationError:
            return {"good": False, "text": "This is not what the page sends. Load the page again."}
        except VolantError as error:
            return {"good": False, "text": str(error)}

    return tell
