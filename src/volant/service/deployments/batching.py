"""Dynamic batching: a thread predicts the texts of several requests together, up to a budget of tokens.

While a batch is computed the next one collects, so a single request never waits; only after a batch of several requests
does the next one wait briefly for as many. Clients take turns (see `fair`), and a batch takes at most about a second,
however slow the texts of other clients are.
"""

import asyncio
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from volant.kinds.record import Annotation
from volant.service.deployments.fair import Piece, Queue, QueuedRequest, cost
from volant.service.errors import RefusedError
from volant.service.settings import Batching, Limits

Answer = Callable[[Sequence[str]], list[Annotation]]
BATCH = 1.0  # target maximum of seconds per batch


class ClosedError(Exception):
    """A batcher that was closed; the model has a new one."""


class Batcher:
    """A thread that predicts texts in batches.

    Args:
        answer: Function that predicts texts, in order; called only by the thread.
        batching: Size and delay of a batch.
        limits: Maximum number of waiting texts, and maximum wait.
        longest: Maximum number of tokens that the model reads of a text.
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
        self._answer = answer
        self._batching = batching
        self._seen = seen
        self._limits = limits
        self._longest = longest
        self._pace = Pace()
        self._queue = Queue()
        self._last = self._running = 0
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="answers", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """The number of waiting texts."""
        return self._queue.texts

    def submit(self, texts: Sequence[str], client: str = "") -> asyncio.Future[list[Annotation]]:
        """Queue the texts of one request; call it in the event loop that awaits the predictions.

        Args:
            texts: One or many texts.
            client: Identity of the client; clients take turns.

        Raises:
            RefusedError: 429 if too many texts are waiting, or the wait would be too long; no text is queued then.
            ClosedError: If `close` was called.
        """
        loop = asyncio.get_running_loop()
        asked = QueuedRequest(texts, [cost(text, self._longest) for text in texts], loop, loop.create_future())
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

    def _require_room(self, client: str, asked: QueuedRequest) -> None:
        """Refuse a request that exceeds the limits, unless the queue is empty.

        Raises:
            RefusedError: 429, with the seconds to wait.
        """
        waiting = self._queue.texts
        limits = self._limits
        costs = sum(asked.costs)
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
        """Accept no further texts; those in the queue are still predicted, then the thread ends."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if wait:
            self._thread.join()

    def _work(self) -> None:
        while pieces := self._next():
            self._run(pieces)

    def _next(self) -> list[Piece]:
        """Wait for texts, and return the next batch; empty once the batcher is closed and the queue is empty."""
        pieces: list[Piece] = []
        with self._changed:
            self._running = 0
            while not pieces and (self._queue.requests or not self._closed):
                self._gather()
                pieces = self._queue.take(self._budget())  # empty if the clients have disconnected
            self._running = sum(piece.cost for piece in pieces)
        self._last = len(pieces)
        return pieces

    def _gather(self) -> None:
        """Wait for a request, and briefly for as many as in the last batch."""
        begun = time.monotonic()
        self._changed.wait_for(lambda: self._queue.requests or self._closed)
        if time.monotonic() - begun > MEMORY:  # the next texts may differ in length
            self._pace = Pace()
        if self._last > 1 and not self._closed:
            self._changed.wait_for(lambda: self._queue.requests >= self._last, self._batching.wait_ms / 1000)

    def _budget(self) -> int:
        """Return the maximum cost of a batch: large enough for efficiency, small enough that nobody waits long."""
        return max(1, min(self._batching.tokens, self._pace.work(BATCH, self._batching.tokens)))

    def _run(self, pieces: list[Piece]) -> None:
        texts = [text for piece in pieces for text in piece.texts]
        begun = time.perf_counter()
        try:
            answers = self._answer(texts)
        except Exception as error:  # any error of a model goes to its requests, and must not end the thread
            self._failed(pieces, error)
            return
        self._pace.saw(sum(piece.cost for piece in pieces), time.perf_counter() - begun)
        self._seen(len(texts))
        done = []
        start = 0
        for piece in pieces:
            count = piece.stop - piece.start
            piece.asked.answers += answers[start : start + count]
            start += count
            if len(piece.asked.answers) == len(piece.asked.texts):
                done.append(piece.asked)
        _deliver(done)

    def _failed(self, pieces: list[Piece], error: Exception) -> None:
        """Retry each request of a failed batch alone, so that none fails because of another's text."""
        if len(pieces) > 1:
            for piece in pieces:
                self._run([piece])
            return
        asked = pieces[0].asked
        with self._changed:
            self._queue.drop(asked)
        _call(asked.loop, _settle, [(asked.future, error)])


def _deliver(done: list[QueuedRequest]) -> None:
    """Wake each event loop once for all of its completed requests."""
    for loop in {asked.loop for asked in done}:
        _call(loop, _settle, [(asked.future, asked.answers) for asked in done if asked.loop is loop])


def _settle(results: list[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, result in results:
        if future.done():  # the client has disconnected
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., Any], *arguments: Any) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(function, *arguments)


MEMORY = 5.0  # seconds of work after which a measurement counts 1/e; a pause of that length discards it


class Pace:
    """Measured work per second, in the tokens of `fair.cost`; recent work counts most.

    Example:
        >>> pace = Pace()
        >>> pace.seconds(100), pace.work(0.5, most=1000)
        (0.0, 1000)
        >>> pace.saw(20, 0.1)
        >>> round(pace.seconds(100), 3), pace.work(0.5, most=1000)
        (0.5, 100)
    """

    def __init__(self) -> None:
        self._seen = (0.0, 0.0)  # work and seconds: replaced together, as other threads read them

    def saw(self, work: int, seconds: float) -> None:
        """Record the work and the duration of a batch.

        Args:
            work: Work in tokens.
            seconds: Duration in seconds.
        """
        kept = math.exp(-seconds / MEMORY)
        self._seen = (self._seen[0] * kept + work, self._seen[1] * kept + seconds)

    def seconds(self, work: float) -> float:
        """Return the expected seconds for some work in tokens; 0 before the first measurement."""
        done, took = self._seen
        return work * took / done if done else 0.0

    def work(self, seconds: float, most: int) -> int:
        """Return the expected work in tokens within some time; `most` before the first measurement.

        Args:
            seconds: Time in seconds.
            most: Maximum of the result.
        """
        done, took = self._seen
        return round(min(most, seconds * done / took)) if took else most
