"""Texts of several requests go together, by tokens; what is too much is refused, what fails harms nobody else."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from volant.schema import Annotation
from volant.service.batching import Batcher, ClosedError
from volant.service.refused import RefusedError
from volant.service.settings import Batching


class Model:
    """Answers a text with itself, once it may; notes what it was asked together."""

    def __init__(self) -> None:
        self.may, self.asked = threading.Event(), list[list[str]]()

    def __call__(self, texts: Sequence[str]) -> list[Annotation]:
        assert self.may.wait(10)
        self.asked.append(list(texts))
        if "bad" in texts:
            raise ValueError("a bad text")
        return [Annotation(label=text) for text in texts]


def test_each_request_gets_its_own_answers_in_batches_within_the_budget() -> None:
    async def ask() -> None:
        model = Model()
        batcher = Batcher(model, Batching(tokens=30), waiting=100)
        requests = [[f"{number}-{i}" for i in range(number)] for number in (3, 1, 25, 2)]
        waiting = [batcher.submit(texts) for texts in requests]
        model.may.set()
        found = await asyncio.gather(*waiting)
        assert [[a.label for a in answers] for answers in found] == requests
        tokens = [sum(len(text) // 4 + 2 for text in texts) for texts in model.asked]
        assert max(tokens) <= 30
        assert len(model.asked) <= 4  # texts of several requests share what fits; the first may have gone alone
        batcher.close(wait=True)
        with pytest.raises(ClosedError):
            batcher.submit(["late"])

    asyncio.run(ask())


def test_a_full_queue_refuses_at_once_and_takes_nothing() -> None:
    async def ask() -> None:
        model = Model()
        batcher = Batcher(model, Batching(), waiting=5)
        first = batcher.submit(["x"] * 9)  # larger than the queue, which is empty
        await asyncio.sleep(0.1)
        second = batcher.submit(["y"] * 4)
        with pytest.raises(RefusedError, match=r"limits.queue_texts is 5") as raised:
            batcher.submit(["z"] * 2)
        assert (raised.value.status, raised.value.retry_after, batcher.waiting) == (429, 1, 4)
        model.may.set()
        assert (len(await first), len(await second), batcher.waiting) == (9, 4, 0)
        batcher.close(wait=True)

    asyncio.run(ask())


def test_a_request_that_fails_fails_alone() -> None:
    async def ask() -> None:
        model = Model()
        batcher = Batcher(model, Batching(), waiting=100)
        waiting = [batcher.submit(["hold"]), *(batcher.submit(texts) for texts in (["a"], ["bad"], ["c"]))]
        model.may.set()
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(one) for one in found] == [list, list, ValueError, list]
        batcher.close(wait=True)

    asyncio.run(ask())
