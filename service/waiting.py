"""Waiting for an answer only as long as somebody wants it."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

from service.errors import ClientLeft, DeadlinePassed

Result = TypeVar("Result")


async def wanted(request: Request, work: Coroutine[Any, Any, Result], deadline: float) -> Result:
    """Return what ``work`` returns, cancelling it when the client leaves or ``deadline`` passes.

    The body must have been read. A client that leaves does not cancel a FastAPI endpoint by itself: the only sign
    is a message that somebody must wait for. Raises ClientLeft or DeadlinePassed (``deadline`` in the time of
    ``time.monotonic``).
    """
    task = asyncio.create_task(work)
    watcher = asyncio.create_task(_left(request))
    try:
        await asyncio.wait(
            {task, watcher}, timeout=max(0.0, deadline - time.monotonic()), return_when=asyncio.FIRST_COMPLETED
        )
        if task.done():
            return task.result()
        if watcher.done():
            raise ClientLeft("the client closed the connection before it was answered")
        raise DeadlinePassed("no answer within the time that a request may take; send fewer or smaller images")
    finally:
        watcher.cancel()
        if not task.done():
            task.cancel()
            # What it held is given back before anybody hears of its end.
            await asyncio.gather(task, return_exceptions=True)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
