"""Waiting for an answer only as long as somebody wants it."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from starlette.types import Receive

from service.asked import Asked
from service.errors import LATE, ClientLeft, DeadlinePassed, RequestError

Result = TypeVar("Result")

# Where a protocol that tells at once when its client leaves is told whom to call; see http_protocol.py.
ON_LEAVING = "on_leaving"

_GONE = "the client closed the connection before it was answered"


async def wanted(asked: Asked, work: Coroutine[Any, Any, Result], deadline: float) -> Result:
    """Return what ``work`` returns, cancelling it when the client leaves or ``deadline`` passes.

    The body must have been read. A client that leaves does not cancel a FastAPI endpoint by itself. Raises ClientLeft
    or DeadlinePassed (``deadline`` in the time of ``time.monotonic``).
    """
    task, why = asyncio.current_task(), None
    assert task is not None  # noqa: S101 - a coroutine runs in one

    def stop(reason: type[RequestError] = ClientLeft, told: str = _GONE) -> None:
        nonlocal why
        why = why or reason(told)
        task.cancel()

    timer = asyncio.get_running_loop().call_later(deadline - time.monotonic(), stop, DeadlinePassed, LATE)
    forget = _tell(asked, stop)
    try:
        return await work
    except asyncio.CancelledError as error:
        if why is None or task.uncancel():  # somebody else's doing, or theirs too
            raise
        raise why from error
    finally:
        timer.cancel()
        forget()


def _tell(asked: Asked, leave: Callable[[], None]) -> Callable[[], object]:
    """Have ``leave`` called when the client leaves, until what is returned is called."""
    state = asked.state
    if ON_LEAVING in state:
        state[ON_LEAVING] = leave
        return partial(state.__setitem__, ON_LEAVING, None)
    # Any other server shows it by a message that somebody must wait for, in a task that costs as much as the parsing.
    return asyncio.create_task(_watch(asked.receive, leave)).cancel


async def _watch(receive: Receive, leave: Callable[[], None]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    leave()
