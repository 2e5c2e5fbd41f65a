"""What a failing device does to the items of its batch: the guilty fail, the others are answered."""

import asyncio
import threading
import time
from typing import Any

import pytest

from service.errors import InferenceFailed
from service.inference.batcher import Batcher
from tests.service.inference.test_batcher import POISON, Device, batching, settle


async def test_one_bad_item_among_32_fails_alone() -> None:
    device = Device()
    async with batching(device) as submit:
        results = await asyncio.gather(*(submit(item) for item in range(32)), return_exceptions=True)
    failed = [item for item, result in enumerate(results) if isinstance(result, Exception)]
    assert failed == [POISON]
    assert isinstance(results[POISON], InferenceFailed)
    assert [result.row for item, result in enumerate(results) if item != POISON] == [
        10 * item for item in range(32) if item != POISON
    ]
    assert device.batches[0] == list(range(32))
    assert len(device.batches) == 11, "a failed batch is halved, not run item by item"


async def test_the_cause_is_kept_for_the_log_and_out_of_the_text() -> None:
    async with batching(Device()) as submit:
        with pytest.raises(InferenceFailed) as caught:
            await submit(POISON)
    assert "13" not in str(caught.value)
    assert isinstance(caught.value.__cause__, RuntimeError)


async def test_a_device_that_always_fails_fails_everybody_and_the_batcher_lives() -> None:
    device = Device()
    device.answers = lambda items: 1 / 0
    async with batching(device) as submit:
        results = await asyncio.gather(*(submit(item) for item in range(8)), return_exceptions=True)
        assert [type(result) for result in results] == [InferenceFailed] * 8
        device.answers = lambda items: items
        assert (await submit(5)).row == 5


async def test_a_short_answer_is_an_error_and_never_a_shifted_one() -> None:
    device = Device()
    device.answers = lambda items: [10 * item for item in items if item != 2]
    async with batching(device) as submit:
        results = await asyncio.gather(*(submit(item) for item in range(5)), return_exceptions=True)
    assert isinstance(results[2], InferenceFailed)
    assert [result.row for item, result in enumerate(results) if item != 2] == [0, 10, 30, 40]


async def test_a_long_answer_is_an_error() -> None:
    device = Device()
    device.answers = lambda items: [0, *items]
    async with batching(device) as submit:
        with pytest.raises(InferenceFailed):
            await submit(1)


async def test_an_empty_answer_is_an_error() -> None:
    device = Device()
    device.answers = lambda items: []
    async with batching(device) as submit:
        with pytest.raises(InferenceFailed):
            await submit(1)


async def test_those_who_leave_while_a_failed_batch_is_halved_are_not_run_again() -> None:
    device = Device(gated=True)
    async with batching(device) as submit:
        bad, leaves, stays = submit(POISON), submit(1), submit(2)
        await device.has([POISON, 1, 2])
        leaves.cancel()
        await settle()
        device.gate.release(5)
        assert (await stays).row == 20
        with pytest.raises(InferenceFailed):
            await bad
    assert device.batches[0] == [POISON, 1, 2]
    assert all(1 not in batch for batch in device.batches[1:])


async def test_a_lane_that_was_killed_fails_what_it_ran_and_the_other_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda killed: None)  # pytest's would warn

    def killed(items: list[int]) -> list[int]:
        if POISON in items:
            raise SystemExit  # not an Exception: what ends a thread ends the lane
        return items

    batcher: Batcher[int, int] = Batcher(killed, 1, lanes=2)
    for lanes_left in (1, 0):
        with pytest.raises(InferenceFailed):
            await batcher.submit(POISON, time.monotonic() + 60)
        await asyncio.sleep(0)
        assert batcher.alive == bool(lanes_left)
        if lanes_left:
            assert (await batcher.submit(2, time.monotonic() + 60)).row == 2
    with pytest.raises(InferenceFailed):
        await batcher.submit(2, time.monotonic() + 60)


async def test_what_a_lane_had_just_taken_when_it_was_abandoned_is_run_by_the_successor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device, other = Device(), Device()
    batcher: Batcher[int, int] = Batcher(device.run, 4)
    collect = Batcher._collect  # noqa: SLF001 - the one moment that no test can hit otherwise

    def and_is_abandoned() -> list[Any]:
        entries = collect(batcher)
        if entries:
            batcher.abandon(60)
        return entries

    monkeypatch.setattr(batcher, "_collect", and_is_abandoned)
    tasks = [asyncio.ensure_future(batcher.submit(item, time.monotonic() + 60)) for item in range(3)]
    await settle()
    successor: Batcher[int, int] = Batcher(other.run, 4)
    batcher.hand_over(successor)
    assert [one.row for one in await asyncio.gather(*tasks)] == [0, 10, 20]
    assert device.batches == []
    await successor.close()
