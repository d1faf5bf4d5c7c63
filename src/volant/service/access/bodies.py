"""Bound what a body may hold before anything is built from it.

A parser builds an object for each value of a body, and a validator another one for each error: ten megabytes of `1,`
become gigabytes, and hold the interpreter for a minute. So a body is read whole, its values, depth and numbers are
counted by a few passes in C that build nothing, and what is beyond the limits never meets a parser.
"""

import asyncio
import time
from collections.abc import Callable
from itertools import accumulate
from typing import TypeVar

from starlette.types import Message, Receive

from volant.service.errors import RefusedError
from volant.service.settings import Limits

DEPTH = 64  # of nested arrays and objects
DIGITS = 100  # of a number, or letters of a word that is no string
PER_TEXT = 8  # values and keys that may come with each text of a request
BESIDE = 2000  # values and keys beside those
QUICK = 4096  # bytes that cannot hold too much of anything but depth
SMALL = 64 * 1024  # bytes that are worked on where they are; of more a thread takes care
SLOWEST = 10_000  # bytes a second that a client must send, after `limits.body_seconds`

SPACE, MARKS = b" \t\r\n", b"[]{},:"
WORDS = bytes(ord(" ") if byte in SPACE + MARKS else ord("x") for byte in range(256))
NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
Result = TypeVar("Result")


def values(limits: Limits) -> int:
    """Return how many values and keys a body may hold.

    Example:
        >>> values(Limits())
        10000
    """
    return PER_TEXT * limits.texts_per_request + BESIDE


def screen(body: bytes, limits: Limits) -> None:
    """Refuse JSON that holds too many values, is nested too deeply, has a number too long, or is no UTF-8.

    Whether it is JSON at all is the parser's business. It takes time in proportion to the body's length.

    Args:
        body: JSON, or several lines of it.
        limits: What one request may hold.

    Raises:
        RefusedError: 422, naming the limit.

    Example:
        >>> screen(b'{"texts": ["[[[[", "a, b"]}', Limits())
        >>> screen(b"[" * 65 + b"]" * 65, Limits())
        Traceback (most recent call last):
        volant.service.errors.RefusedError: The body is nested more than 64 deep. Send what the API page shows.
    """
    if len(body) > QUICK or body.count(b"[") + body.count(b"{") > DEPTH:
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
            f"The body holds more than {most} values and keys: {PER_TEXT} for each text of limits.texts_per_request "
            f"({limits.texts_per_request}), and {BESIDE}. Send the texts in parts, or as a batch job (POST /jobs)."
        )
    brackets = outside.translate(None, NO_BRACKETS)
    if max(accumulate(map(STEP.__getitem__, brackets)), default=0) > DEPTH:
        raise RefusedError(f"The body is nested more than {DEPTH} deep. Send what the API page shows.")
    if b"x" * (DIGITS + 1) in outside.translate(WORDS):
        raise RefusedError(f"The body has a number or a word of more than {DIGITS} characters. Send texts in quotes.")


def _outside(body: bytes, most: int) -> bytes | None:
    """Return what stands outside strings; None if there are more strings than values are allowed."""
    # from the left, so that of a run of backslashes each second one is escaped, and an odd one escapes the quote
    plain = body.replace(b"\\\\", b"  ").replace(b'\\"', b"  ") if b"\\" in body else body
    if plain.count(b'"') > 2 * most:
        return None
    return b" ".join(plain.split(b'"')[::2])


async def aside(size: int, function: Callable[..., Result], *arguments: object) -> Result:
    """Return what a function makes of a body; where that is large, in a thread, so that others are answered."""
    if size <= SMALL:
        return function(*arguments)
    return await asyncio.to_thread(function, *arguments)


async def read(receive: Receive) -> bytes | None:
    """Return the whole body of a request; None if the client left before its end."""
    pieces: list[bytes] = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(pieces)


def again(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read to the app as if it came now; what comes after it is the client's leaving."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_again


def patient(receive: Receive, limits: Limits) -> Receive:
    """Wait for a body, but not for ever: a slow client must hold neither a connection nor a stop of the service.

    Raises:
        RefusedError: 408 from the returned function, if nothing comes for `limits.idle_seconds`, or the body is still
            not there after `limits.body_seconds` and a second more for each 10,000 bytes that came.
    """
    begun = time.monotonic()
    received = 0
    whole = False

    async def patient_receive() -> Message:
        nonlocal whole, received
        if whole:  # what comes now is that the client goes away
            return await receive()
        left = begun + limits.body_seconds + received / SLOWEST - time.monotonic()
        try:
            async with asyncio.timeout(min(limits.idle_seconds, left)):
                message = await receive()
        except TimeoutError:
            late = f"Nothing came for {limits.idle_seconds:g} seconds (limits.idle_seconds)"
            if left < limits.idle_seconds:
                late = f"The body took more than {limits.body_seconds:g} seconds (limits.body_seconds)"
            raise RefusedError(f"{late}. Send the whole body.", 408) from None
        received += len(message.get("body", b""))
        whole = not message.get("more_body")
        return message

    return patient_receive
