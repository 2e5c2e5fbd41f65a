"""Batches form, and each caller gets the row of its own item. Items are integers, the device is a fake."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from service.errors import DeadlinePassed, InferenceFailed
from service.inference.batcher import Batcher
from service.inference.entries import Delivered

POISON = 13


class Device:
    """Answers ``10 * item``; waits at ``gate`` before each run, and cannot take POISON."""

    def __init__(self, *, gated: bool = False) -> None:
        self.batches: list[list[int]] = []
        self.gate = threading.Semaphore(0) if gated else None
        self.answers: Callable[[list[int]], Sequence[int | Exception]] = lambda items: [10 * item for item in items]

    def run(self, items: list[int]) -> Sequence[int | Exception]:
        self.batches.append(items)
        if self.gate is not None:
            self.gate.acquire()
        if POISON in items:
            raise RuntimeError("the device cannot take 13")
        return self.answers(items)

    async def has(self, *batches: list[int]) -> None:
        """Wait until these batches have begun, and no others."""
        async with asyncio.timeout(30):
            while len(self.batches) < len(batches):  # noqa: ASYNC110 - it is a thread that changes it
                await asyncio.sleep(0.001)
        assert self.batches == list(batches)


Submit = Callable[..., "asyncio.Future[Delivered[int]]"]


@asynccontextmanager
async def batching(device: Device, max_batch: int = 32, max_wait: float = 0.0, lanes: int = 1) -> AsyncIterator[Submit]:
    """Give a function that submits an item in a task of its own; whatever happens, the batcher ends."""
    batcher: Batcher[int, int] = Batcher(device.run, max_batch, max_wait, lanes)

    def submit(item: int, within: float = 60.0, *, urgent: bool = True) -> "asyncio.Future[Delivered[int]]":
        return asyncio.ensure_future(batcher.submit(item, time.monotonic() + within, urgent=urgent))

    yield submit
    if device.gate is not None:
        device.gate.release(1000)
    await batcher.close()


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_lone_item_is_run_at_once() -> None:
    device = Device()
    async with batching(device) as submit:
        delivered = await submit(4)
    assert (delivered.row, delivered.batch) == (40, 1)
    assert device.batches == [[4]]


async def test_what_waits_while_the_device_is_busy_becomes_one_batch() -> None:
    device = Device(gated=True)
    async with batching(device) as submit:
        first = submit(0)
        await device.has([0])
        rest = [submit(item) for item in range(1, 6)]
        await settle()
        device.gate.release(2)
        assert [(await task).row for task in (first, *rest)] == [0, 10, 20, 30, 40, 50]
    assert device.batches == [[0], [1, 2, 3, 4, 5]]


async def test_a_batch_is_never_larger_than_the_most() -> None:
    device = Device(gated=True)
    async with batching(device, max_batch=4) as submit:
        tasks = [submit(item) for item in range(11)]
        device.gate.release(3)
        assert [(await task).row for task in tasks] == [10 * item for item in range(11)]
    assert [len(batch) for batch in device.batches] == [4, 4, 3]


async def test_delivery_tells_the_size_of_the_batch_and_the_time_in_the_queue() -> None:
    device = Device(gated=True)
    async with batching(device) as submit:
        submit(0)
        await device.has([0])
        waiting = [submit(1), submit(2)]
        await settle()
        device.gate.release(2)
        delivered = [await task for task in waiting]
    assert [one.batch for one in delivered] == [2, 2]
    assert all(one.queue_s > 0 and one.run_s > 0 for one in delivered)


async def test_max_wait_lets_a_batch_fill() -> None:
    device = Device()
    async with batching(device, max_batch=3, max_wait=30.0) as submit:
        tasks = [submit(1)]
        await settle()
        tasks.append(submit(2))
        await settle()
        assert device.batches == []
        tasks.append(submit(3))
        assert [(await task).row for task in tasks] == [10, 20, 30]
    assert device.batches == [[1, 2, 3]]


async def test_max_wait_ends_though_the_batch_is_not_full() -> None:
    device = Device()
    async with batching(device, max_batch=3, max_wait=0.01) as submit:
        assert (await submit(1)).row == 10
    assert device.batches == [[1]]


async def test_an_item_whose_caller_left_is_not_run() -> None:
    device = Device(gated=True)
    async with batching(device) as submit:
        submit(0)
        await device.has([0])
        left, stayed = submit(1), submit(2)
        await settle()
        left.cancel()
        await settle()
        device.gate.release(2)
        assert (await stayed).row == 20
    assert device.batches == [[0], [2]]


async def test_a_caller_that_leaves_during_the_run_disturbs_nobody() -> None:
    device = Device(gated=True)
    async with batching(device) as submit:
        leaves, stays = submit(1), submit(2)
        await device.has([1, 2])
        leaves.cancel()
        await settle()
        device.gate.release()
        assert (await stays).row == 20
        device.gate.release()
        assert (await submit(3)).row == 30


async def test_an_item_past_its_deadline_is_told_so_and_not_run() -> None:
    device = Device(gated=True)
    async with batching(device) as submit:
        submit(0)
        await device.has([0])
        late, early = submit(1, within=-1.0), submit(2)
        await settle()
        device.gate.release(2)
        with pytest.raises(DeadlinePassed):
            await late
        assert (await early).row == 20
    assert device.batches == [[0], [2]]


async def test_when_all_that_waited_are_gone_the_device_is_left_alone() -> None:
    device = Device(gated=True)
    async with batching(device) as submit:
        first = submit(0)
        await device.has([0])
        gone = [submit(1), submit(2)]
        await settle()
        for task in gone:
            task.cancel()
        await settle()
        device.gate.release(2)
        await first
        assert (await submit(3)).row == 30
    assert device.batches == [[0], [3]]


async def test_close_runs_what_was_accepted_and_refuses_what_comes_after() -> None:
    device = Device(gated=True)
    batcher: Batcher[int, int] = Batcher(device.run, 2)
    tasks = [asyncio.ensure_future(batcher.submit(item, time.monotonic() + 60)) for item in range(5)]
    await settle()
    closing = asyncio.create_task(batcher.close())
    await settle()
    with pytest.raises(InferenceFailed):
        await batcher.submit(9, time.monotonic() + 60)
    device.gate.release(3)
    await closing
    assert [(await task).row for task in tasks] == [0, 10, 20, 30, 40]
    assert not batcher.alive


async def test_closing_an_idle_batcher_ends_at_once() -> None:
    batcher: Batcher[int, int] = Batcher(Device().run, 2)
    await batcher.close()
    await batcher.close()
    assert not batcher.alive


async def test_closing_does_not_wait_for_a_batch_to_fill() -> None:
    device = Device()
    batcher: Batcher[int, int] = Batcher(device.run, 8, max_wait=3600.0)
    task = asyncio.ensure_future(batcher.submit(1, time.monotonic() + 60))
    await settle()
    await asyncio.wait_for(batcher.close(), 10)
    assert (await task).row == 10


async def test_lanes_that_are_free_share_what_waits() -> None:
    device = Device(gated=True)
    async with batching(device, lanes=2) as submit:
        tasks = [submit(item) for item in range(6)]
        await device.has([0, 1, 2], [3, 4, 5])
        device.gate.release(2)
        assert [(await task).row for task in tasks] == [10 * item for item in range(6)]


async def test_urgent_items_are_taken_first() -> None:
    device = Device(gated=True)
    async with batching(device, max_batch=2) as submit:
        first = submit(0)
        await device.has([0])
        tasks = [first, *(submit(item, urgent=item % 2 == 0) for item in range(1, 5))]
        await settle()
        device.gate.release(3)
        assert [(await task).row for task in tasks] == [0, 10, 20, 30, 40]
    assert device.batches == [[0], [2, 4], [1, 3]]


async def test_a_row_that_is_an_error_fails_its_item_alone() -> None:
    device = Device()
    device.answers = lambda items: [LookupError("not this one") if item == 2 else item for item in items]
    async with batching(device) as submit:
        good, bad = submit(1), submit(2)
        assert (await good).row == 1
        with pytest.raises(LookupError, match="not this one"):
            await bad
    assert device.batches == [[1, 2]]


async def test_of_what_is_abandoned_the_hanging_fails_and_the_rest_is_run_by_the_successor() -> None:
    device, other = Device(gated=True), Device()
    batcher: Batcher[int, int] = Batcher(device.run, 1)
    assert batcher.longest_run() == 0
    tasks = [asyncio.ensure_future(batcher.submit(item, time.monotonic() + 60)) for item in range(3)]
    await device.has([0])
    assert batcher.longest_run() > 0
    batcher.abandon()
    assert not batcher.alive
    await asyncio.sleep(0.01)
    assert [task.done() for task in tasks] == [True, False, False]
    tasks.append(asyncio.ensure_future(batcher.submit(3, time.monotonic() + 60)))
    successor: Batcher[int, int] = Batcher(other.run, 4)
    batcher.hand_over(successor)
    tasks.append(asyncio.ensure_future(batcher.submit(4, time.monotonic() + 60)))
    failed, *rest = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(failed, InferenceFailed)
    assert [isinstance(one, Delivered) and one.row for one in rest] == [10, 20, 30, 40]
    await batcher.close()
    device.gate.release(3)
    await asyncio.sleep(0.01)
    assert device.batches == [[0]]
    assert other.batches == [[1, 2, 3, 4]]
    await successor.close()


async def test_a_run_that_has_only_begun_is_run_again_by_the_successor() -> None:
    device, other = Device(gated=True), Device()
    batcher: Batcher[int, int] = Batcher(device.run, 1, lanes=2)
    tasks = [asyncio.ensure_future(batcher.submit(item, time.monotonic() + 60)) for item in range(4)]
    await asyncio.sleep(0.02)
    batcher.abandon(most=60)
    successor: Batcher[int, int] = Batcher(other.run, 4)
    batcher.hand_over(successor)
    device.gate.release(4)
    assert [one.row for one in await asyncio.gather(*tasks)] == [0, 10, 20, 30]
    assert len(device.batches) == 2
    await successor.close()


async def test_where_there_is_no_successor_all_fail() -> None:
    device = Device(gated=True)
    batcher: Batcher[int, int] = Batcher(device.run, 1)
    tasks = [asyncio.ensure_future(batcher.submit(item, time.monotonic() + 60)) for item in range(3)]
    await device.has([0])
    batcher.abandon()
    batcher.hand_over(None)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [InferenceFailed] * 3
    with pytest.raises(InferenceFailed):
        await batcher.submit(9, time.monotonic() + 60)
    device.gate.release(3)
