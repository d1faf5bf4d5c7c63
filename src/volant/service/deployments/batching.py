"""Texts of several requests are answered together: a thread takes what waits, up to a budget of tokens.

While a batch is computed the next one gathers by itself, so a lone request never waits; only when the last batch held
several requests does the next one wait a little for as many to come back. Requests take turns (see `fair`), and a batch
takes no longer than about a second, however slow the texts of others are.
"""

import asyncio
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from volant.kinds.record import Annotation
from volant.service.deployments.fair import Asked, Piece, Queue, cost
from volant.service.errors import RefusedError
from volant.service.settings import Batching, Limits

Answer = Callable[[Sequence[str]], list[Annotation]]
BATCH = 1.0  # seconds that a batch should take at most


class ClosedError(Exception):
    """This batcher takes nothing any more; the model has another one by now."""


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
        self._queue = Queue()
        self._last = self._running = 0
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="answers", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Texts that wait now."""
        return self._queue.texts

    def submit(self, texts: Sequence[str], client: str = "") -> asyncio.Future[list[Annotation]]:
        """Take texts of one request; call it in the event loop that awaits the answers.

        Args:
            texts: One or many.
            client: Whose they are: each client has its turn.

        Raises:
            RefusedError: 429 if too many texts wait already, or would wait too long; nothing was taken then.
            ClosedError: If `close` was called.
        """
        loop = asyncio.get_running_loop()
        asked = Asked(texts, [cost(text, self._longest) for text in texts], loop, loop.create_future())
        with self._changed:
            if self._closed:
                raise ClosedError
            if not texts:
                asked.future.set_result([])
                return asked.future
            self._require_room(client, asked)
            self._queue.add(client, asked)
            self._changed.notify()
        return asked.future

    def _require_room(self, client: str, asked: Asked) -> None:
        """Whatever the limits, a request that comes to an empty queue is answered."""
        waiting, limits, costs = self._queue.texts, self._limits, sum(asked.costs)
        if not waiting:
            return
        room = self._queue.share(client, limits.queue_texts)
        over = min(waiting, len(asked.texts) - room)
        takes = self._pace.seconds(self._running + self._queue.ahead(client, costs, self._budget()))
        late = takes - limits.queue_seconds
        if over <= 0 and late <= 0:
            return
        why = f"limits.queue_texts is {limits.queue_texts}, of which each client has its share"
        if over <= 0:
            why = f"yours would take {takes:.1f} s, and limits.queue_seconds is {limits.queue_seconds:g}"
        again = max(1, math.ceil(max(late, self._pace.seconds(over * costs // len(asked.texts)))))
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

    def _next(self) -> list[Piece]:
        """Wait for texts; nothing once it is closed and all are answered."""
        pieces: list[Piece] = []
        with self._changed:
            self._running = 0
            while not pieces and (self._queue.requests or not self._closed):
                self._gather()
                pieces = self._queue.take(self._budget())  # none, if whoever asked has gone
            self._running = sum(piece.cost for piece in pieces)
        self._last = len(pieces)
        return pieces

    def _gather(self) -> None:
        """Wait for a request, and a little for as many as there were before."""
        begun = time.monotonic()
        self._changed.wait_for(lambda: self._queue.requests or self._closed)
        if time.monotonic() - begun > MEMORY:  # other texts may come now
            self._pace = Pace()
        if self._last > 1 and not self._closed:
            self._changed.wait_for(lambda: self._queue.requests >= self._last, self._batching.wait_ms / 1000)

    def _budget(self) -> int:
        """What a batch may cost: so much that it goes well together, and so little that nobody waits long for it."""
        return max(1, min(self._batching.tokens, self._pace.work(BATCH, self._batching.tokens)))

    def _run(self, pieces: list[Piece]) -> None:
        texts = [text for piece in pieces for text in piece.texts]
        begun = time.perf_counter()
        try:
            answers = self._answer(texts)
        except Exception as error:  # whatever a model raises belongs to who asked, and ends no thread
            self._failed(pieces, error)
            return
        self._pace.saw(sum(piece.cost for piece in pieces), time.perf_counter() - begun)
        self._seen(len(texts))
        done, start = [], 0
        for piece in pieces:
            count = piece.stop - piece.start
            piece.asked.answers += answers[start : start + count]
            start += count
            if len(piece.asked.answers) == len(piece.asked.texts):
                done.append(piece.asked)
        _deliver(done)

    def _failed(self, pieces: list[Piece], error: Exception) -> None:
        """One request must not fail for what another one holds: each is tried alone."""
        if len(pieces) > 1:
            for piece in pieces:
                self._run([piece])
            return
        asked = pieces[0].asked
        with self._changed:
            self._queue.drop(asked)
        _call(asked.loop, _settle, [(asked.future, error)])


def _deliver(done: list[Asked]) -> None:
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


MEMORY = 5.0  # seconds of work after which what was seen counts a third; after a pause as long it counts nothing


class Pace:
    """Work done in a second, in the tokens of `fair.cost`; what was seen last counts most.

    Example:
        >>> pace = Pace()
        >>> pace.seconds(100), pace.work(0.5, most=1000)
        (0.0, 1000)
        >>> pace.saw(20, 0.1)
        >>> round(pace.seconds(100), 3), pace.work(0.5, most=1000)
        (0.5, 100)
    """

    def __init__(self) -> None:
        self._seen = (0.0, 0.0)  # work, seconds: replaced together, as other threads read it

    def saw(self, work: int, seconds: float) -> None:
        """So much was done in so much time."""
        kept = math.exp(-seconds / MEMORY)
        self._seen = (self._seen[0] * kept + work, self._seen[1] * kept + seconds)

    def seconds(self, work: float) -> float:
        """How long so much will take; 0 as long as nothing was done."""
        done, took = self._seen
        return work * took / done if done else 0.0

    def work(self, seconds: float, most: int) -> int:
        """How much is done in so much time, `most` at most; all of that as long as nothing was done."""
        done, took = self._seen
        return round(min(most, seconds * done / took)) if took else most
