"""Texts of several requests go together, by tokens; what is too much is refused, what fails harms nobody else."""

import asyncio
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from volant.bundle.bundle import Bundle
from volant.kinds.record import Annotation
from volant.service.deployments import batching, pace
from volant.service.deployments.batching import Batcher, ClosedError
from volant.service.errors import RefusedError
from volant.service.settings import Batching, Limits


class Model:
    """Answers a text with itself, once it may; says when it began, notes what it was asked together."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.may = threading.Event()
        self.asked = list[list[str]]()

    def __call__(self, texts: Sequence[str]) -> list[Annotation]:
        self.begun.set()
        assert self.may.wait(10)
        self.asked.append(list(texts))
        if "bad" in texts:
            raise ValueError("a bad text")
        return [Annotation(label=text) for text in texts]


def test_each_request_gets_its_own_answers_in_batches_within_the_budget() -> None:
    async def ask() -> None:
        model = Model()
        batcher = Batcher(model, Batching(tokens=30), Limits(queue_texts=100))
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
        batcher = Batcher(model, Batching(), Limits(queue_texts=5))
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
        batcher = Batcher(model, Batching(), Limits(queue_texts=100))
        waiting = [batcher.submit(["hold"]), *(batcher.submit(texts) for texts in (["a"], ["bad"], ["c"]))]
        model.may.set()
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(one) for one in found] == [list, list, ValueError, list]
        batcher.close(wait=True)

    asyncio.run(ask())


@pytest.fixture(scope="module")
def bundle(made: Path) -> Bundle:
    return Bundle.load(made / ".volant/versions/reviews/1")


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("a fine film " * 4, 14),
        ("这部电影非常好看", 10),
        ("とても面白い映画でした", 13),
        ("ein schöner Film", 6),
    ],
)
def test_a_budget_counts_tokens_of_any_script(text: str, tokens: int) -> None:
    async def ask() -> None:
        model = Model()
        model.may.set()
        batcher = Batcher(model, Batching(tokens=10 * tokens), Limits())
        await batcher.submit([text] * 30)
        assert [len(texts) for texts in model.asked] == [10, 10, 10]
        batcher.close(wait=True)

    asyncio.run(ask())


def test_who_would_wait_too_long_is_told_when_to_come_again(bundle: Bundle) -> None:
    long = ["superb " * 2800] * 150  # some milliseconds of work each
    limits = Limits(queue_seconds=0.05)

    async def ask() -> None:
        batcher = Batcher(bundle.predict, Batching(), limits)
        first = [batcher.submit(long[:20]), batcher.submit(long[:40])]  # no pace is known: they fit queue_texts
        await asyncio.gather(*first)
        begun = time.monotonic()
        taken = batcher.submit(long)  # nothing waits, so it is taken, however long it takes
        await asyncio.sleep(0.02)
        with pytest.raises(RefusedError, match=r"limits.queue_seconds is 0.05") as raised:
            batcher.submit(long)
        assert raised.value.status == 429
        assert batcher.waiting > 0
        again = raised.value.retry_after
        assert again
        await taken
        took = time.monotonic() - begun
        assert took / 4 - 1 < again < 4 * took + 1, (again, took)  # seconds that are about true
        assert len(await batcher.submit(long[:20])) == 20
        batcher.close(wait=True)

    asyncio.run(ask())


def test_nobody_waits_for_the_end_of_anothers_request() -> None:
    def slow(texts: Sequence[str]) -> list[Annotation]:
        time.sleep(0.05 * sum(len(text) > 1000 for text in texts))
        return [Annotation(label=text[:1]) for text in texts]

    async def ask() -> None:
        batcher = Batcher(slow, Batching(), Limits(queue_seconds=1))
        large = [batcher.submit(["x" * 20_000] * 60, "one"), batcher.submit(["x" * 20_000] * 60, "one")]
        await asyncio.sleep(0.2)
        begun = time.monotonic()
        same = batcher.submit(["a"], "one")
        other = batcher.submit(["b"], "two")
        assert [found[0].label for found in await asyncio.gather(same, other)] == ["a", "b"]
        assert time.monotonic() - begun < 1.5  # all of it is 6 s
        assert not any(future.done() for future in large)
        assert [len(found) for found in await asyncio.gather(*large)] == [60, 60]
        batcher.close(wait=True)

    asyncio.run(ask())


def test_one_clients_many_requests_are_its_own_wait() -> None:
    def slow(texts: Sequence[str]) -> list[Annotation]:
        time.sleep(0.05 * sum(len(text) > 1000 for text in texts))
        return [Annotation(label=text[:1]) for text in texts]

    async def ask() -> None:
        batcher = Batcher(slow, Batching(), Limits(queue_seconds=1))
        await batcher.submit(["x" * 20_000] * 3, "one")
        taken = [batcher.submit(["x" * 20_000] * 30, "one")]
        await asyncio.sleep(0.01)
        with pytest.raises(RefusedError, match=r"limits.queue_seconds is 1"):
            taken.extend(batcher.submit(["x" * 20_000], "one") for _ in range(100))
        assert len(taken) < 40
        begun = time.monotonic()
        assert await batcher.submit(["b"], "two")
        assert time.monotonic() - begun < 1.2
        await asyncio.gather(*taken[1:])
        assert time.monotonic() - begun < 2.5  # each was taken since it would take a second
        await taken[0]
        batcher.close(wait=True)

    asyncio.run(ask())


def test_a_batch_of_slow_texts_is_a_short_one() -> None:
    batches: list[int] = []

    def slow(texts: Sequence[str]) -> list[Annotation]:
        batches.append(len(texts))
        time.sleep(0.1 * len(texts))
        return [Annotation(label=text[:1]) for text in texts]

    async def ask() -> None:
        batcher = Batcher(slow, Batching(tokens=40), Limits())
        await batcher.submit(["a"] * 60)
        batcher.close(wait=True)

    asyncio.run(ask())
    assert batches[0] == 20  # 40 tokens, of 2 each
    assert max(batches[1:]) <= 11  # what takes about a second


def test_one_client_does_not_fill_the_queue_of_all() -> None:
    async def ask() -> None:
        model = Model()
        batcher = Batcher(model, Batching(), Limits(queue_texts=8))
        taken = [batcher.submit(["x"], "one")]
        await asyncio.sleep(0.1)
        taken += [batcher.submit(["x"] * 4, "one") for _ in range(2)]
        with pytest.raises(RefusedError, match=r"limits.queue_texts is 8"):
            batcher.submit(["x"], "one")
        taken.append(batcher.submit(["y"] * 4, "two"))
        with pytest.raises(RefusedError, match=r"limits.queue_texts is 8"):
            batcher.submit(["y"], "two")
        model.may.set()
        assert sum(len(found) for found in await asyncio.gather(*taken)) == 13
        batcher.close(wait=True)

    asyncio.run(ask())


def test_what_nobody_waits_for_any_more_is_not_worked_on() -> None:
    async def ask() -> None:
        model = Model()
        batcher = Batcher(model, Batching(), Limits())
        first = batcher.submit(["hold"])
        assert await asyncio.to_thread(model.begun.wait, 10)
        gone = batcher.submit(["gone"] * 50)
        gone.cancel()
        model.may.set()
        await first
        await asyncio.sleep(0.1)
        assert await batcher.submit(["after"])
        assert (model.asked, batcher.waiting) == ([["hold"], ["after"]], 0)
        batcher.close(wait=True)

    asyncio.run(ask())


def test_a_pause_forgets_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (batching, pace):
        monkeypatch.setattr(module, "MEMORY", 0.2)

    async def ask() -> None:
        model = Model()
        batcher = Batcher(model, Batching(tokens=100), Limits(queue_seconds=1e-6))
        model.may.set()
        await batcher.submit(["a film"])
        await asyncio.sleep(0.4)
        model.may.clear()
        model.begun.clear()
        taken = [batcher.submit(["superb " * 2800] * 20)]
        assert await asyncio.to_thread(model.begun.wait, 10)  # the first one is at work
        taken.append(batcher.submit(["short"]))
        model.may.set()
        await asyncio.gather(*taken)
        batcher.close(wait=True)

    asyncio.run(ask())
