"""Dynamic batching: a thread predicts the texts of several requests together, up to a budget of tokens.

While a batch is computed the next one is collected, so a single request never waits; only after a batch of several
requests does the next one wait briefly for as many. Clients take turns (see `fair`), and a batch takes at most about a
second, however slow the texts of other clients are.
"""

import asyncio
import math
import threading
import time
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from volant.kinds.record import Annotation
from volant.service.deployments.fair import Piece, Queue, QueuedRequest, cost
from volant.service.deployments.pace import MEMORY, Pace
from volant.service.errors import RefusedError
from volant.service.settings import Batching, Limits

Predictor = Callable[[Sequence[str]], list[Annotation]]
BATCH = 1.0  # target maximum of seconds per batch


class ClosedError(Exception):
    """A closed batcher; the model has a new one."""


class Batcher:
    """A thread that predicts texts in batches.

    Args:
        predict: Function that predicts texts, in order; called only by the thread.
        batching: Size and delay of a batch.
        limits: Maximum number of waiting texts, and maximum wait.
        longest: Maximum number of tokens that the model reads of a text.
        on_batch: Called with the number of texts of each batch.
    """

    def __init__(
        self,
        predict: Predictor,
        batching: Batching,
        limits: Limits,
        longest: int = 512,
        on_batch: Callable[[int], Any] = lambda _: None,
    ) -> None:
        self._predict = predict
        self._batching = batching
        self._on_batch = on_batch
        self._limits = limits
        self._longest = longest
        self._pace = Pace()
        self._queue = Queue()
        self._last = 0  # number of slices in the last batch
        self._running = 0  # cost of the present batch
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

        If too many texts are waiting, or the wait would be too long, it raises a `RefusedError` (429), and queues none.

        Args:
            texts: One or many texts.
            client: Identity of the client; clients take turns.

        Raises:
            ClosedError: If `close` was called.
        """
        loop = asyncio.get_running_loop()
        request = QueuedRequest(texts, [cost(text, self._longest) for text in texts], loop, loop.create_future())
        with self._changed:
            if self._closed:
                raise ClosedError
            if not texts:
                request.future.set_result([])
                return request.future
            self._require_room(client, request)
            self._queue.add(client, request)
            self._changed.notify()
        return request.future

    def _require_room(self, client: str, request: QueuedRequest) -> None:
        """Refuse a request that exceeds the limits, unless the queue is empty.

        Raises:
            RefusedError: 429, with the seconds to wait.
        """
        waiting = self._queue.texts
        limits = self._limits
        costs = sum(request.costs)
        if not waiting:
            return
        room = self._queue.share(client, limits.queue_texts)
        excess = min(waiting, len(request.texts) - room)
        duration = self._pace.seconds(self._running + self._queue.ahead(client, costs, self._budget()))
        delay = duration - limits.queue_seconds
        if excess <= 0 and delay <= 0:
            return
        reason = f"limits.queue_texts is {limits.queue_texts}, of which each client has its share"
        if excess <= 0:
            reason = f"yours would take {duration:.1f} s, and limits.queue_seconds is {limits.queue_seconds:g}"
        pause = max(1, math.ceil(max(delay, self._pace.seconds(excess * costs // len(request.texts)))))
        raise RefusedError(
            f"Too many texts are queued: {waiting}, and {reason}. No text was accepted; try again in {pause} s.",
            429,
            pause,
        )

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
        start = time.monotonic()
        self._changed.wait_for(lambda: self._queue.requests or self._closed)
        if time.monotonic() - start > MEMORY:  # the next texts may differ in length
            self._pace = Pace()
        if self._last > 1 and not self._closed:
            self._changed.wait_for(lambda: self._queue.requests >= self._last, self._batching.wait_ms / 1000)

    def _budget(self) -> int:
        """Return the maximum cost of a batch: large enough for efficiency, small enough for short waits."""
        return max(1, min(self._batching.tokens, self._pace.work(BATCH, self._batching.tokens)))

    def _run(self, pieces: list[Piece]) -> None:
        texts = list(chain.from_iterable(piece.texts for piece in pieces))
        start = time.perf_counter()
        try:
            annotations = self._predict(texts)
        except Exception as error:  # any error of a model goes to its requests, and must not end the thread
            self._fail(pieces, error)
            return
        self._pace.record(sum(piece.cost for piece in pieces), time.perf_counter() - start)
        self._on_batch(len(texts))
        _deliver(_assign(pieces, annotations))

    def _fail(self, pieces: list[Piece], error: Exception) -> None:
        """Retry each request of a failed batch alone, so that none fails because of another's text."""
        if len(pieces) > 1:
            for piece in pieces:
                self._run([piece])
            return
        request = pieces[0].request
        with self._changed:
            self._queue.drop(request)
        _call(request.loop, _resolve, [(request.future, error)])


def _assign(pieces: list[Piece], annotations: list[Annotation]) -> list[QueuedRequest]:
    """Distribute the predictions of a batch to its requests; return the completed ones."""
    completed = []
    start = 0
    for piece in pieces:
        request = piece.request
        count = piece.stop - piece.start
        request.annotations += annotations[start : start + count]
        start += count
        if len(request.annotations) == len(request.texts):
            completed.append(request)
    return completed


def _deliver(completed: list[QueuedRequest]) -> None:
    """Wake each event loop once for all of its completed requests."""
    for loop in {request.loop for request in completed}:
        results = [(request.future, request.annotations) for request in completed if request.loop is loop]
        _call(loop, _resolve, results)


def _resolve(results: list[tuple[asyncio.Future[Any], Any]]) -> None:
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
