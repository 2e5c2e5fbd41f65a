"""What a handler needs of a request, whichever way it came."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from typing import Any, NamedTuple, Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive


class Body(Protocol):
    """What can be read once, in one of two ways."""

    async def whole(self) -> bytes:
        """All of it; raises ClientDisconnect, or what the layers around the app have against it."""

    def pieces(self) -> AsyncIterator[bytes]:
        """As it comes; raises the same."""


class Asked(NamedTuple):
    """A request but for its path: ``state`` is that of its scope, ``receive`` brings what comes after the body."""

    content_type: str
    body: Body
    state: MutableMapping[str, Any]
    receive: Receive


def asked_of(request: Request) -> Asked:
    """What came through ASGI."""
    content_type = request.headers.get("content-type", "")
    return Asked(content_type, _ArrivingBody(request.receive), request.scope["state"], request.receive)


def asked_at_once(content_type: str, data: bytes, state: MutableMapping[str, Any]) -> Asked:
    """What came whole."""
    return Asked(content_type, _WholeBody(data), state, _nothing)


class _ArrivingBody:
    def __init__(self, receive: Receive) -> None:
        self._receive = receive

    async def whole(self) -> bytes:
        pieces = [piece async for piece in self.pieces()]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)  # most often there is one, which is not copied

    async def pieces(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            yield message.get("body", b"")
            more = message.get("more_body", False)


class _WholeBody:
    def __init__(self, data: bytes) -> None:
        self._data = data

    async def whole(self) -> bytes:
        return self._data

    async def pieces(self) -> AsyncIterator[bytes]:
        yield self._data


async def _nothing() -> Message:
    await asyncio.Event().wait()
    raise AssertionError("nothing comes after the body")
