"""A client of a running service, with nothing but the standard library."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from volant.errors import VolantError

if TYPE_CHECKING:
    from volant.workspace.terminal import Console

TEXTS = 100  # in a request, if the service takes as many
PATIENCE = 120
LIMIT = "limits.texts_per_request"


class TooMuchError(VolantError):
    """A request holds more than this service takes in one."""


def ask(url: str, texts: Iterable[str], model: str | None = None, token: str | None = None) -> Iterator[dict[str, Any]]:
    """Send texts, a hundred at a time, and yield the prediction of each with its text, model and version, in order.

    A service that takes fewer in a request gets half as many, and so on.

    Args:
        url: Where the service runs, such as http://localhost:3000.
        texts: Any number of them; never all in memory.
        model: A deployed name; may be left out if there is only one.
        token: If the service asks for one.

    Raises:
        VolantError: If there is no service, or it refuses; says why.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise VolantError(f"--url {url} is not a valid address. Give one such as http://localhost:3000.")
    waiting = iter(texts)
    size = TEXTS
    while some := list(islice(waiting, size)):
        try:
            found = _post(f"{url.rstrip('/')}/predict", {"texts": some} | ({"model": model} if model else {}), token)
        except TooMuchError:
            if len(some) == 1:
                raise
            waiting = chain(some, waiting)
            size = len(some) // 2
            continue
        for text, answer in zip(some, found["predictions"], strict=True):
            yield {"text": text, **answer, "model": found["model"], "version": found["version"]}


def show(answers: Iterable[dict[str, Any]], console: "Console") -> None:
    """Print answers as a table."""
    from volant.kinds import kind_of_row
    from volant.rendering.markdown import words
    from volant.rendering.table import Column, Table

    answered = [Column(name, wraps=True) for name in ("text", "label", "score")]
    table = Table(*answered, Column("model", drop=1), Column("version", drop=2))
    for answer in answers:
        score = answer["score"]
        scores = score.values() if isinstance(score, dict) else [score]
        shown = ", ".join(f"{score:.3f}" for score in scores)
        prediction = words(answer[kind_of_row(answer).column])
        table.add_row(answer["text"], prediction, shown, answer["model"], answer["version"])
    table.show(console)


def _post(url: str, body: Any, token: str | None) -> Any:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310  (checked: http or https)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:  # noqa: S310
            return json.load(response)
    except urllib.error.HTTPError as error:
        why = _why(error)
        much = error.code == 413 or (error.code == 422 and LIMIT in why)
        raise (TooMuchError if much else VolantError)(f"{url} refuses: {why}") from error
    except (OSError, ValueError) as error:
        if isinstance(getattr(error, "reason", error), BrokenPipeError | ConnectionResetError):
            # it need not read all of what is too large before it ends the connection
            raise TooMuchError(f"{url} ended the connection ({error}). Send less at a time, or try again.") from error
        raise VolantError(f"No service answers at {url} ({error}). Start one with `make serve`.") from error


def _why(error: urllib.error.HTTPError) -> str:
    try:
        return json.load(error)["error"]
    except (ValueError, KeyError, TypeError):
        return f"status {error.code}"
