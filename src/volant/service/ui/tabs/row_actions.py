"""The buttons in rows: feedback on a prediction, or a decision on feedback."""

from collections.abc import Callable
from typing import Any, Literal

import gradio as gr
from pydantic import BaseModel, ConfigDict, ValidationError

from volant.errors import VolantError
from volant.kinds.record import TARGETS
from volant.service.ui.api import Caller
from volant.service.ui.page import Page


class RowMessage(BaseModel):
    """The message of a button, from `rows.js`.

    Attributes:
        id: Id of the prediction or the feedback.
        about: Name of the model or the flywheel.
        text: Text of the prediction.
        say: Meaning of the button.
        labels: Correct labels; None: unknown.
        gold: Correct columns of a kind of parts instead.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    id: str
    about: str
    text: str
    say: Literal["right", "wrong", "accept", "reject"]
    labels: list[str] | None = None
    gold: dict[str, Any] | None = None
    token: str = ""

    @property
    def correction(self) -> dict[str, Any]:
        """The keys of a request to the API with the correct prediction; none if it is unknown."""
        if self.gold is not None:
            return {name: self.gold[name] for name in TARGETS if name in self.gold}
        return {} if self.labels is None else {"labels": self.labels}


def submitter(page: Page, send: Callable[[Caller, RowMessage], str]) -> Any:
    """Return the function that the buttons call.

    Args:
        page: The page.
        send: Sends the message to the API, and returns the reply for the user.
    """

    def submit(data: Any, request: gr.Request) -> dict[str, Any]:
        try:
            message = RowMessage.model_validate(data)
            return {"good": True, "text": send(page.who(message.token, request), message)}
        except ValidationError:
            return {"good": False, "text": "The message is not valid. Reload the page."}
        except VolantError as error:
            return {"good": False, "text": str(error)}

    return submit
