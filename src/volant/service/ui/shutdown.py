"""Shutdown of a worker with open pages, which listen to endless streams of events.

A server first waits for its responses to end, and doesn't inform those that produce them.
"""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator
from typing import Any


class StopListener:
    """A guard that ends streams of events when this process is asked to stop; for use in the event loop."""

    def __init__(self) -> None:
        self._stopping = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._listen(number)

    def _listen(self, number: int) -> None:
        before = signal.getsignal(number)

        def handle(*arguments: Any) -> None:
            self._loop.call_soon_threadsafe(self._stopping.set)
            if callable(before):
                before(*arguments)

        if callable(before):
            signal.signal(number, handle)

    async def until(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the chunks that come before this process is asked to stop."""
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            while not stopping.done():
                chunk = asyncio.ensure_future(anext(chunks, None))
                try:
                    await asyncio.wait({chunk, stopping}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    if not chunk.done():
                        chunk.cancel()
                if chunk.cancelled() or not chunk.done() or (content := chunk.result()) is None:
                    return
                yield content
        finally:
            stopping.cancel()
