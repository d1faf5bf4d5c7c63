"""Error responses in one format: `{"error": "..."}`, with the HTTP status."""

import errno
import logging
import sqlite3
from collections.abc import Iterable

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import Scope

from volant.errors import VolantError
from volant.service.access.guard import CHALLENGES
from volant.service.api.schemas import Problem, explain
from volant.service.errors import RefusedError

log = logging.getLogger("volant.service")
# a limit on the size of a file has the same effect as a full disk
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
SQLITE_FULL = 13  # https://www.sqlite.org/rescode.html
NO_DISK = "The disk of this service is full, and nothing was stored. Contact its operator, and try again later."
UNEXPECTED = "Internal error; see the log of the service. Try again, or contact its operator."


def handle(app: FastAPI) -> None:
    """Register the handlers that answer every error of an app in this format."""
    app.add_exception_handler(RefusedError, refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _plain)
    for kind in (OSError, sqlite3.Error, VolantError):
        app.add_exception_handler(kind, _failed)
    app.add_exception_handler(Exception, _unexpected)


async def refused(_: Request, error: Exception) -> Response:
    """Return the response to a refused request."""
    assert isinstance(error, RefusedError)  # noqa: S101  (it is registered for these)
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else {}
    response = _problem(str(error), error.status, headers)
    for challenge in CHALLENGES if error.status == 401 else ():
        response.headers.append("WWW-Authenticate", challenge)
    return response


def full(error: BaseException | None) -> bool:
    """Return True if an error, or its cause, is a full disk.

    Example:
        >>> full(OSError(errno.ENOSPC, "no space")), full(OSError(errno.ENOENT, "no file"))
        (True, False)
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", None) == SQLITE_FULL:
            return True
        error = error.__cause__ or error.__context__
    return False


def allowed(routes: Iterable[BaseRoute], scope: Scope) -> list[str]:
    """Return the methods that a route accepts for the path of a request."""
    methods: list[str] = []
    for method in METHODS:
        request = dict(scope, method=method)
        if any(route.matches(request)[0] is Match.FULL for route in routes if not isinstance(route, Mount)):
            methods.append(method)
    return methods or ["GET", "HEAD"]  # static files


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    return _problem(explain(error.errors()), 422)


async def _plain(request: Request, error: Exception) -> Response:
    """Answer errors of FastAPI and Starlette: an unknown path, another method, a body that is not JSON."""
    assert isinstance(error, HTTPException)  # noqa: S101
    path = request.url.path[:200]
    headers = dict(error.headers or {})
    if error.status_code == 400:
        return _problem("The body can't be read. Send JSON in UTF-8, as the API page (/docs) shows.", 422)
    if error.status_code == 404:
        return _problem(f"There is no route {path}. The API page (/docs) lists all routes.", 404)
    if error.status_code == 405:
        headers["Allow"] = ", ".join(allowed(request.app.routes, request.scope))
        return _problem(f"{request.method[:20]} is not allowed at {path}. Allowed: {headers['Allow']}.", 405, headers)
    return _problem(str(error.detail), error.status_code, headers)


async def _failed(request: Request, error: Exception) -> Response:
    """Return the response to a full disk; any other error is raised again, and logged with its traceback."""
    if not full(error):
        raise error
    log.error("%s failed, as the disk is full: %s", request.method, type(error).__name__)
    return _problem(NO_DISK, 507)


async def _unexpected(_: Request, __: Exception) -> Response:
    return _problem(UNEXPECTED, 500)


def _problem(error: str, status: int, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(Problem(error=error).model_dump(), status, headers)
