"""Validation of bodies for Gradio: JSON of the page's own forms, in which only uploaded files are named."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from volant.service.errors import RefusedError

JSON = "application/json"
MARK = "gradio.FileData"
SESSION = 64  # maximum characters of a session's name; Gradio's own have about eleven


def parse(body: bytes, content_type: str) -> dict[str, Any]:
    """Return the JSON object in a body.

    Args:
        body: Raw body.
        content_type: Content type: other sites can't send this one without a preflight request.

    Raises:
        RefusedError: 415 for another content type, 422 if the body is not a JSON object.
    """
    if content_type.partition(";")[0].strip().lower() != JSON:
        raise RefusedError(f"The content type is {content_type[:100]!r}. Send {JSON}.", 415)
    try:
        tree = json.loads(body, parse_constant=_not_json)
        json.dumps(tree, ensure_ascii=False).encode()  # an unpaired surrogate has no UTF-8
    except (ValueError, RecursionError) as error:
        raise RefusedError("The body is not valid JSON in UTF-8. Reload the page.") from error
    if not isinstance(tree, dict):
        raise RefusedError("The body is not a JSON object. Reload the page.")
    return tree


def check(path: str, body: dict[str, Any], servers: frozenset[int], functions: frozenset[int]) -> None:
    """Refuse a body that Gradio's page doesn't send, and that would make Gradio fail.

    Args:
        path: Path of Gradio's route.
        body: Parsed body.
        servers: Ids of the components that have a server function.
        functions: Ids of the functions of the page.

    Raises:
        RefusedError: 422.
    """
    if path.startswith("/gradio_api/component_server"):
        exists = body.get("fn_name") == "submit" and _number(body.get("component_id")) in servers
    elif path == "/gradio_api/queue/join":
        exists = isinstance(body.get("data"), list) and _number(body.get("fn_index")) in functions
    else:
        return
    session = body.get("session_hash")
    valid = isinstance(session, str) and session.isascii() and session.isalnum() and len(session) <= SESSION
    if not (exists and valid):
        raise RefusedError("The page has no such component. Reload it.")


def check_files(body: Any, folder: Path) -> None:
    """Refuse references to files that were not uploaded here, at any depth and in strings that contain JSON.

    Gradio would copy such a file to a folder that anybody can read.

    Args:
        body: Parsed JSON.
        folder: Folder of the uploads.

    Raises:
        RefusedError: 403.
    """
    home = os.path.realpath(folder)
    for path in _references(body):
        if not (isinstance(path, str) and _below(path, home)):
            raise RefusedError("The body refers to a file that was not uploaded here. Upload it first.", 403)


def _references(body: Any) -> Iterator[Any]:
    pending = [(body, False)]
    while pending:
        value, in_text = pending.pop()
        if isinstance(value, dict):
            # in a text that a user typed, `path` alone may be any word
            if "path" in value and (not in_text or MARK in json.dumps(value.get("meta"))):
                yield value["path"]
            pending += [(child, in_text) for child in value.values()]
        elif isinstance(value, list):
            pending += [(child, in_text) for child in value]
        elif isinstance(value, str) and value.lstrip()[:1] in ("{", "[", '"'):
            try:
                pending.append((json.loads(value), True))
            except (ValueError, RecursionError):
                continue


def _below(path: str, home: str) -> bool:
    try:
        return os.path.isabs(path) and os.path.realpath(path).startswith(home + os.sep)
    except ValueError:  # the path contains a NUL
        return False


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def _not_json(constant: str) -> Any:
    raise ValueError(constant)
