"""Work is done only as long as somebody waits for it."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from starlette.types import Message

from service.asked import asked_at_once
from service.errors import ClientLeft, DeadlinePassed
from service.waiting import wanted


class Work:
    """Waits until told to go on, and knows how it ended."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.ended = ""

    async def run(self) -> str:
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise
        self.ended = "done"
        return "result"


class Client:
    """Sends nothing more, until it leaves."""

    def __init__(self) -> None:
        self.leaves = asyncio.Event()
        self.asked = asked_at_once({"headers": [], "state": {}}, b"")._replace(receive=self._receive)

    async def _receive(self) -> Message:
        await self.leaves.wait()
        return {"type": "http.disconnect"}


@pytest.fixture
async def work() -> AsyncIterator[Work]:
    """In the end no task may be left but the test's own."""
    before = asyncio.all_tasks()
    yield Work()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before | {asyncio.current_task()}


def soon() -> float:
    return time.monotonic() + 60


async def test_the_result_is_given(work: Work) -> None:
    work.go_on.set()
    assert await wanted(Client().asked, work.run(), soon()) == "result"


async def test_the_error_is_given(work: Work) -> None:
    async def fails() -> None:
        raise LookupError("as it is")

    with pytest.raises(LookupError, match="as it is"):
        await wanted(Client().asked, fails(), soon())


async def test_a_client_that_leaves_ends_the_work(work: Work) -> None:
    client = Client()
    waiting = asyncio.create_task(wanted(client.asked, work.run(), soon()))
    await asyncio.sleep(0)
    client.leaves.set()
    with pytest.raises(ClientLeft):
        await waiting
    assert work.ended == "cancelled"


async def test_a_deadline_ends_the_work(work: Work) -> None:
    with pytest.raises(DeadlinePassed):
        await wanted(Client().asked, work.run(), time.monotonic() + 0.01)
    assert work.ended == "cancelled"


async def test_past_the_deadline_nothing_is_begun_for_long(work: Work) -> None:
    with pytest.raises(DeadlinePassed):
        await wanted(Client().asked, work.run(), time.monotonic() - 1)


async def test_who_is_cancelled_while_waiting_cancels_the_work(work: Work) -> None:
    waiting = asyncio.create_task(wanted(Client().asked, work.run(), soon()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    assert work.ended == "cancelled"


async def test_work_that_is_done_counts_though_the_client_has_left(work: Work) -> None:
    client = Client()
    client.leaves.set()
    work.go_on.set()
    assert await wanted(client.asked, work.run(), soon()) == "result"


async def test_what_is_left_of_a_body_is_no_disconnect(work: Work) -> None:
    messages: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}] * 3

    async def receive() -> Message:
        if messages:
            return messages.pop()
        work.go_on.set()
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    assert (
        await wanted(asked_at_once({"headers": [], "state": {}}, b"")._replace(receive=receive), work.run(), soon())
        == "result"
    )
