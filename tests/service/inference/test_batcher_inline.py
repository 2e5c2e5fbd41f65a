"""Without lanes batches are run by the thread of the event loop."""

import asyncio
import threading
import time

import pytest

from service.errors import DeadlinePassed, InferenceFailed
from service.inference.batcher import Batcher
from service.inference.entries import Delivered
from tests.service.inference.test_batcher import POISON, Device, batching


async def test_without_lanes_batches_are_run_in_the_thread_of_the_loop() -> None:
    threads: set[int] = set()

    def run(items: list[int]) -> list[int]:
        threads.add(threading.get_ident())
        return device.run(items)  # type: ignore[return-value]

    device = Device()
    batcher: Batcher[int, int] = Batcher(run, 4, lanes=0)
    given = await asyncio.gather(*(batcher.submit(item, time.monotonic() + 60) for item in range(10)))
    assert [one.row for one in given] == [10 * item for item in range(10)]
    assert device.batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert threads == {threading.get_ident()}
    await batcher.close()
    assert not batcher.alive


async def test_without_lanes_a_guilty_item_fails_alone_and_a_late_one_is_told() -> None:
    device = Device()
    async with batching(device, lanes=0) as submit:
        tasks = [submit(1), submit(POISON), submit(2), submit(3, within=-1)]
        one, guilty, two, late = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(one, Delivered)
    assert isinstance(two, Delivered)
    assert (one.row, two.row) == (10, 20)
    assert isinstance(guilty, InferenceFailed)
    assert isinstance(late, DeadlinePassed)


async def test_without_lanes_closing_runs_what_waits_and_abandoning_fails_it() -> None:
    for abandoned in (False, True):
        device = Device()
        batcher: Batcher[int, int] = Batcher(device.run, 2, lanes=0)
        tasks = [asyncio.ensure_future(batcher.submit(item, time.monotonic() + 60)) for item in range(5)]
        if abandoned:
            batcher.abandon()
            batcher.hand_over(None)
        await batcher.close()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        failed = [isinstance(result, InferenceFailed) for result in results]
        assert failed == [abandoned] * 5
        assert not batcher.alive
        with pytest.raises(InferenceFailed):
            await batcher.submit(1, time.monotonic() + 60)
