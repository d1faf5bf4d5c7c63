"""Limits on the content of a request body, checked before it is parsed.

A parser builds an object for each value of a body, and a validator another one for each error: ten megabytes of `1,`
become gigabytes, and block the interpreter for a minute. So a body is read completely, and its values, depth and
numbers are counted by a few passes in C that build no objects. A body beyond the limits never reaches a parser.
"""

import asyncio
import time
from collections.abc import Callable
from itertools import accumulate
from typing import TypeVar

from starlette.types import Message, Receive

from volant.service.errors import RefusedError
from volant.service.settings import Limits

DEPTH = 64  # maximum depth of nested arrays and objects
DIGITS = 100  # maximum length of a number, or of a word outside quotes
PER_TEXT = 8  # values and keys that are allowed for each text of a request
EXTRA = 2000  # further values and keys
UNCHECKED = 4096  # bytes of a body that is too small to exceed any limit except depth
SMALL = 64 * 1024  # bytes up to which a body is processed in the event loop; a larger one in a thread
SLOWEST = 10_000  # minimum bytes per second after `limits.body_seconds`

SPACE = b" \t\r\n"
MARKS = b"[]{},:"
WORDS = bytes(ord(" ") if byte in SPACE + MARKS else ord("x") for byte in range(256))
NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
Result = TypeVar("Result")


def values(limits: Limits) -> int:
    """Return the maximum number of values and keys in a body.

    Example:
        >>> values(Limits())
        10000
    """
    return PER_TEXT * limits.texts_per_request + EXTRA


def screen(body: bytes, limits: Limits) -> None:
    """Refuse JSON that has too many values, is nested too deeply, has too long a number, or is not UTF-8.

    The syntax is left to the parser. The time is proportional to the body's length.

    Args:
        body: JSON, or JSON lines.
        limits: Limits on one request.

    Raises:
        RefusedError: 422; the message names the limit.

    Example:
        >>> screen(b'{"texts": ["[[[[", "a, b"]}', Limits())
        >>> screen(b"[" * 65 + b"]" * 65, Limits())
        Traceback (most recent call last):
        volant.service.errors.RefusedError: The body has more than 64 levels of nesting. See the API page
        (/docs).
    """
    if len(body) > UNCHECKED or body.count(b"[") + body.count(b"{") > DEPTH:
        _count(body, limits)
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RefusedError(f"The body is not valid UTF-8 (byte {error.start}). Send JSON in UTF-8.") from error


def _count(body: bytes, limits: Limits) -> None:
    most = values(limits)
    outside = _outside(body, most)
    if outside is None or any(outside.count(bytes([mark])) > most for mark in MARKS):
        raise RefusedError(
            f"The body has more than {most} values and keys: {PER_TEXT} for each text of limits.texts_per_request "
            f"({limits.texts_per_request}), and {EXTRA}. Send the texts in parts, or as a batch job (POST /jobs)."
        )
    brackets = outside.translate(None, NO_BRACKETS)
    if max(accumulate(map(STEP.__getitem__, brackets)), default=0) > DEPTH:
        raise RefusedError(f"The body has more than {DEPTH} levels of nesting. See the API page (/docs).")
    if b"x" * (DIGITS + 1) in outside.translate(WORDS):
        raise RefusedError(f"The body has a number or a word of more than {DIGITS} characters. Send texts in quotes.")


def _outside(body: bytes, most: int) -> bytes | None:
    """Return the parts of a body outside strings; None if there are more strings than values are allowed."""
    # from the left: in a run of backslashes every second one is escaped, and an odd last one escapes the quote
    plain = body.replace(b"\\\\", b"  ").replace(b'\\"', b"  ") if b"\\" in body else body
    if plain.count(b'"') > 2 * most:
        return None
    return b" ".join(plain.split(b'"')[::2])


async def offload(size: int, function: Callable[..., Result], *arguments: object) -> Result:
    """Return the result of a function on a body; for a large body it runs in a thread, so that others aren't blocked.

    Args:
        size: Size of the body in bytes.
        function: Function to call.
        arguments: Its arguments.
    """
    if size <= SMALL:
        return function(*arguments)
    return await asyncio.to_thread(function, *arguments)


async def read(receive: Receive) -> bytes | None:
    """Return the whole body of a request; None if the client disconnected before its end."""
    pieces: list[bytes] = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(pieces)


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a receive function that replays a body that was read, and then passes on further messages."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return pending.pop() if pending else await receive()

    return receive_again


def with_timeouts(receive: Receive, limits: Limits) -> Receive:
    """Return a receive function with time limits, so that a slow client can't block a connection or a shutdown.

    The returned function raises a `RefusedError` (408) if no data arrive for `limits.idle_seconds`, or the body is not
    complete after `limits.body_seconds` plus one second for each 10,000 bytes received.
    """
    start = time.monotonic()
    received = 0
    complete = False

    async def receive_in_time() -> Message:
        nonlocal complete, received
        if complete:  # the next message is the client's disconnect
            return await receive()
        left = start + limits.body_seconds + received / SLOWEST - time.monotonic()
        try:
            async with asyncio.timeout(min(limits.idle_seconds, left)):
                message = await receive()
        except TimeoutError:
            reason = f"No data arrived for {limits.idle_seconds:g} seconds (limits.idle_seconds)"
            if left < limits.idle_seconds:
                reason = f"The body took more than {limits.body_seconds:g} seconds (limits.body_seconds)"
            raise RefusedError(f"{reason}. Send the complete body.", 408) from None
        received += len(message.get("body", b""))
        complete = not message.get("more_body")
        return message

    return receive_in_time
