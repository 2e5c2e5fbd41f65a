"""Waiting for an answer only as long as somebody wants it."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from starlette.requests import Request

from service.errors import ClientLeft, DeadlinePassed

Result = TypeVar("Result")

# Where a protocol that tells at once when its client leaves is told whom to call; see http_protocol.py.
ON_LEAVING = "on_leaving"


async def wanted(request: Request, work: Coroutine[Any, Any, Result], deadline: float) -> Result:
    """Return what ``work`` returns, cancelling it when the client leaves or ``deadline`` passes.

    The body must have been read. A client that leaves does not cancel a FastAPI endpoint by itself. Raises ClientLeft
    or DeadlinePassed (``deadline`` in the time of ``time.monotonic``).
    """
    task, gone = asyncio.current_task(), False
    assert task is not None  # noqa: S101 - a coroutine runs in one

    def leave() -> None:
        nonlocal gone
        gone = True
        task.cancel()

    try:
        async with asyncio.timeout(deadline - time.monotonic()) as limit:
            with _told(request, leave):
                return await work
    except TimeoutError as error:
        if not limit.expired():
            raise  # the work's own
        late = "no answer within the time that a request may take; send fewer or smaller images"
        raise DeadlinePassed(late) from error
    except asyncio.CancelledError as error:
        if not gone or task.uncancel():
            raise
        raise ClientLeft("the client closed the connection before it was answered") from error


@contextmanager
def _told(request: Request, leave: Callable[[], None]) -> Iterator[None]:
    """Have ``leave`` called when the client leaves."""
    state = request.scope.get("state", {})
    if ON_LEAVING in state:
        state[ON_LEAVING] = leave
        try:
            yield
        finally:
            state[ON_LEAVING] = None
        return
    # Any other server shows it by a message that somebody must wait for, in a task that costs as much as the parsing.
    watcher = asyncio.create_task(_left(request, leave))
    try:
        yield
    finally:
        watcher.cancel()


async def _left(request: Request, leave: Callable[[], None]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    leave()
