"""A page that is open listens to events without end; the worker must be able to stop all the same.

A server that is told to stop first waits for its answers to end, and says nothing to those who give them.
"""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator
from typing import Any


class Ending:
    """Ends streams of events when this process is told to stop; made and used in the event loop."""

    def __init__(self) -> None:
        self._told = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._listen(number)

    def _listen(self, number: int) -> None:
        before = signal.getsignal(number)

        def told(*about: Any) -> None:
            self._loop.call_soon_threadsafe(self._told.set)
            if callable(before):
                before(*about)

        if callable(before):
            signal.signal(number, told)

    async def until(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The chunks that come before this process is told to stop."""
        told = asyncio.ensure_future(self._told.wait())
        try:
            while not told.done():
                chunk = asyncio.ensure_future(anext(chunks, None))
                try:
                    await asyncio.wait({chunk, told}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    if not chunk.done():
                        chunk.cancel()
                if chunk.cancelled() or not chunk.done() or (found := chunk.result()) is None:
                    return
                yield found
        finally:
            told.cancel()
