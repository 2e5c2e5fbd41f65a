"""The pace: everything when nobody is there, one image at a time when somebody is."""

import asyncio
import time

import pytest

from service.jobs.pacer import Pacer
from service.workers.board import Board, Slot


@pytest.fixture
def slots() -> list[Slot]:
    return Board(["worker", "worker"]).slots


async def soon(pacer: Pacer) -> int | None:
    """How many images may be taken within a moment."""
    try:
        async with asyncio.timeout(0.03):
            return await pacer.turn()
    except TimeoutError:
        return None


async def test_when_nobody_is_there_blocks_fill_all_slots_and_grow(slots: list[Slot]) -> None:
    pacer = Pacer(slots[0], 2)
    for _ in range(50):
        pacer.taken(most := await pacer.turn())
        pacer.done(most, 0.001)
    sizes = [await soon(pacer), await soon(pacer)]
    assert sizes == [16, 16]
    pacer.taken(16)
    pacer.taken(16)
    assert await soon(pacer) is None
    assert slots[0].patient == 32
    pacer.done(16, 0.5)
    assert await soon(pacer) == 1
    assert pacer.each > 0.05


@pytest.mark.parametrize("other", [0, 1])
async def test_while_an_image_is_inside_any_process_nothing_is_taken_for_a_while(slots: list[Slot], other: int) -> None:
    pacer = Pacer(slots[0], 2)
    pacer.taken(await pacer.turn())
    pacer.done(1, 0.002)
    slots[other].hold(1)
    assert await soon(pacer) is None
    began = time.monotonic()
    assert await pacer.turn() == 1  # but not for ever
    assert time.monotonic() - began < 5
    pacer.taken(1)
    assert await soon(pacer) is None


async def test_a_moment_after_it_one_image_is_taken_at_a_time(slots: list[Slot]) -> None:
    pacer = Pacer(slots[0], 2)
    slots[1].hold(1)
    slots[1].hold(0)
    assert await soon(pacer) == 1
    pacer.taken(1)
    assert await soon(pacer) is None  # one at a time
    pacer.done(1, 0.001)
    assert await pacer.turn() == 1


async def test_it_is_quiet_again_in_the_end(slots: list[Slot]) -> None:
    now = time.monotonic()
    later = Pacer(slots[0], 2, clock=lambda: now + 60)
    slots[0].hold(1)
    assert not later.quiet
    slots[0].hold(0)
    assert later.quiet
    assert not Pacer(slots[0], 2).quiet


async def test_a_turn_that_is_given_up_is_left_to_others(slots: list[Slot]) -> None:
    pacer = Pacer(slots[0], 1)
    slots[1].hold(1)
    for _ in range(3):
        assert await soon(pacer) is None
    slots[1].hold(0)
    assert await pacer.turn() == 1


async def test_threads_breathe_only_when_somebody_is_there(slots: list[Slot], monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("service.jobs.pacer.time.sleep", slept.append)
    pacer = Pacer(slots[0], 2)
    pacer.breathe()
    assert slept == []
    slots[1].hold(1)
    pacer.breathe()
    assert len(slept) == 1
