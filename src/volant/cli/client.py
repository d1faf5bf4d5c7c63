"""A client of a running service, with the standard library only."""

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

TEXTS = 100  # per request, if the service accepts as many
PATIENCE = 120  # seconds
LIMIT = "limits.texts_per_request"


class TooMuchError(VolantError):
    """An error for a request that is larger than the service accepts."""


def ask(url: str, texts: Iterable[str], model: str | None = None, token: str | None = None) -> Iterator[dict[str, Any]]:
    """Send texts, 100 per request, and yield the prediction of each with its text, model and version, in order.

    If the service accepts fewer per request, half as many are sent, and so on.

    Args:
        url: URL of the service, such as http://localhost:3000.
        texts: Any number of texts; they are never all in memory.
        model: Name of a deployment; not needed if there is only one.
        token: Access token, if the service requires one.

    Raises:
        VolantError: If the URL is not valid, no service responds, or it refuses; the message has its reason.
        TooMuchError: If it refuses a single text as too large.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise VolantError(f"--url {url} is not a valid address. Give one such as http://localhost:3000.")
    waiting = iter(texts)
    size = TEXTS
    while batch := list(islice(waiting, size)):
        try:
            response = _post(
                f"{url.rstrip('/')}/predict", {"texts": batch} | ({"model": model} if model else {}), token
            )
        except TooMuchError:
            if len(batch) == 1:
                raise
            waiting = chain(batch, waiting)
            size = len(batch) // 2
            continue
        for text, answer in zip(batch, response["predictions"], strict=True):
            yield {"text": text, **answer, "model": response["model"], "version": response["version"]}


def show(answers: Iterable[dict[str, Any]], console: "Console") -> None:
    """Print answers of one model as a table; spans are marked in the text."""
    from volant.kinds import kind_of_row
    from volant.kinds.answers import read_row, shown
    from volant.rendering.table import Column, Table

    rows = []
    for answer in answers:
        kind = kind_of_row(answer)
        figures = {"score": _figures(answer["score"]), "model": answer["model"], "version": answer["version"]}
        rows.append(shown(kind, read_row(kind, answer), answer["text"]) | figures)
    drops = {"model": 1, "version": 2}
    table = Table(*(Column(name, drops.get(name, 0), wraps=name not in drops) for name in (rows or [{}])[0]))
    for row in rows:
        table.add_row(*row.values())
    table.show(console)


def _figures(score: float | dict[str, float]) -> str:
    scores = score.values() if isinstance(score, dict) else [score]
    return ", ".join(f"{value:.3f}" for value in scores)


def _post(url: str, body: Any, token: str | None) -> Any:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310  (checked: http or https)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:  # noqa: S310
            return json.load(response)
    except urllib.error.HTTPError as error:
        reason = _reason(error)
        too_much = error.code == 413 or (error.code == 422 and LIMIT in reason)
        raise (TooMuchError if too_much else VolantError)(f"{url} refuses: {reason}") from error
    except (OSError, ValueError) as error:
        if isinstance(getattr(error, "reason", error), BrokenPipeError | ConnectionResetError):
            # a service may close the connection before it has read a request that is too large
            raise TooMuchError(f"{url} closed the connection ({error}). Send fewer texts, or try again.") from error
        raise VolantError(f"No service responds at {url} ({error}). Start one with `make serve`.") from error


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return json.load(error)["error"]
    except (ValueError, KeyError, TypeError):
        return f"status {error.code}"
