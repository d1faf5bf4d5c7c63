"""Texts of several requests are answered together: a thread takes what waits, up to a budget of tokens.

While a batch is computed the next one gathers by itself, so a lone request never waits; only when the last batch held
several requests does the next one wait a little for as many to come back. A longer request is answered in pieces.
"""

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from volant.schema import Annotation
from volant.service.pace import MEMORY, Pace
from volant.service.refused import RefusedError
from volant.service.settings import Batching, Limits

Answer = Callable[[Sequence[str]], list[Annotation]]
CHARACTERS = 4  # of ASCII in a token, roughly; of other scripts each one counts, as in Chinese and Japanese it is one


class ClosedError(Exception):
    """This batcher takes nothing any more; the model has another one by now."""


@dataclass(slots=True)
class _Asked:
    texts: Sequence[str]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[list[Annotation]]
    answers: list[Annotation] = field(default_factory=list)
    taken: int = 0


class Batcher:
    """Answers texts in a thread of its own.

    Args:
        answer: Answers texts, in their order; called by that thread only.
        batching: How much goes together.
        limits: How many texts may wait, and how long.
        longest: Tokens after which the model cuts a text.
        seen: Called with the number of texts of each batch.
    """

    def __init__(
        self,
        answer: Answer,
        batching: Batching,
        limits: Limits,
        longest: int = 512,
        seen: Callable[[int], Any] = lambda _: None,
    ) -> None:
        self._answer, self._batching, self._seen = answer, batching, seen
        self._limits, self._longest = limits, longest
        self._pace = Pace()
        self._queue: deque[_Asked] = deque()
        self._texts = self._last = 0
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="answers", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Texts that wait now."""
        return self._texts

    def submit(self, texts: Sequence[str]) -> asyncio.Future[list[Annotation]]:
        """Take texts of one request; call it in the event loop that awaits the answers.

        Raises:
            RefusedError: 429 if too many texts wait already, or would wait too long; nothing was taken then.
            ClosedError: If `close` was called.
        """
        loop = asyncio.get_running_loop()
        asked = _Asked(texts, loop, loop.create_future())
        with self._changed:
            if self._closed:
                raise ClosedError
            self._require_room(len(texts))
            self._queue.append(asked)
            self._texts += len(texts)
            self._changed.notify()
        return asked.future

    def _require_room(self, texts: int) -> None:
        """Whatever the limits, a request that comes to an empty queue is answered."""
        waiting, limits = self._texts, self._limits
        over = min(waiting, waiting + texts - limits.queue_texts)
        takes = self._pace.seconds(waiting)
        late = takes - limits.queue_seconds
        if not waiting or (over <= 0 and late <= 0):
            return
        why = f"limits.queue_texts is {limits.queue_texts}"
        if over <= 0:
            why = f"that takes {takes:.1f} s, and limits.queue_seconds is {limits.queue_seconds:g}"
        again = max(1, math.ceil(max(late, self._pace.seconds(over))))
        told = f"Too many texts wait for an answer: {waiting}, and {why}. Nothing was taken; try again in {again} s."
        raise RefusedError(told, 429, again)

    def close(self, wait: bool = False) -> None:
        """Take no more; what was taken is still answered, after which the thread ends."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if wait:
            self._thread.join()

    def _work(self) -> None:
        while pieces := self._next():
            self._run(pieces)

    def _next(self) -> list[tuple[_Asked, int, int]]:
        with self._changed:
            begun = time.monotonic()
            self._changed.wait_for(lambda: self._queue or self._closed)
            if time.monotonic() - begun > MEMORY:  # other texts may come now
                self._pace = Pace()
            if self._last > 1 and not self._closed:
                self._changed.wait_for(lambda: len(self._queue) >= self._last, self._batching.wait_ms / 1000)
            pieces = self._take()
        self._last = len(pieces)
        return pieces

    def _take(self) -> list[tuple[_Asked, int, int]]:
        """The next texts within the budget, at least one if any wait: (request, from, to)."""
        pieces: list[tuple[_Asked, int, int]] = []
        left = self._batching.tokens
        while self._queue and (left > 0 or not pieces):
            asked = self._queue[0]
            start = stop = asked.taken
            while stop < len(asked.texts):
                left -= self._tokens(asked.texts[stop])
                if left < 0 and (pieces or stop > start):
                    break
                stop += 1
            if stop > start or not asked.texts:
                pieces.append((asked, start, stop))
            asked.taken, self._texts = stop, self._texts - (stop - start)
            if stop == len(asked.texts):
                self._queue.popleft()
        return pieces

    def _tokens(self, text: str) -> int:
        plain = len(text) if text.isascii() else len(text.encode("ascii", "ignore"))
        return min(plain // CHARACTERS + len(text) - plain + 2, self._longest)

    def _run(self, pieces: list[tuple[_Asked, int, int]]) -> None:
        texts = [text for asked, start, stop in pieces for text in asked.texts[start:stop]]
        begun = time.perf_counter()
        try:
            answers = self._answer(texts)
        except Exception as error:  # whatever a model raises belongs to who asked, and ends no thread
            self._failed(pieces, error)
            return
        self._pace.saw(len(texts), time.perf_counter() - begun)
        self._seen(len(texts))
        done, start = [], 0
        for asked, first, last in pieces:
            asked.answers += answers[start : start + last - first]
            start += last - first
            if len(asked.answers) == len(asked.texts):
                done.append(asked)
        _deliver(done)

    def _failed(self, pieces: list[tuple[_Asked, int, int]], error: Exception) -> None:
        """One request must not fail for what another one holds: each is tried alone."""
        if len(pieces) > 1:
            for piece in pieces:
                self._run([piece])
            return
        asked = pieces[0][0]
        with self._changed:
            if asked in self._queue:  # the rest of it
                self._queue.remove(asked)
                self._texts -= len(asked.texts) - asked.taken
        _call(asked.loop, _settle, [(asked.future, error)])


def _deliver(done: list[_Asked]) -> None:
    """Wake each event loop once, however many of its requests are done."""
    for loop in {asked.loop for asked in done}:
        _call(loop, _settle, [(asked.future, asked.answers) for asked in done if asked.loop is loop])


def _settle(results: list[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, result in results:
        if future.done():  # the client has gone
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., Any], *arguments: Any) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(function, *arguments)
