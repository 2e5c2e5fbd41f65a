"""What a handler needs of a request, whichever way it came."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from typing import Any, NamedTuple, Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope


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
    scope: Scope
    receive: Receive

    @property
    def state(self) -> MutableMapping[str, Any]:
        """What is known of the request."""
        state: MutableMapping[str, Any] = self.scope["state"]
        return state

    def client(self, header: str) -> str:
        """Who asks, as far as it is known: by what ``header`` says, by the id of the key, else by the request's own."""
        wanted = header.encode("latin-1", "replace")
        found: bytes | None = next((value for name, value in self.scope["headers"] if name == wanted), None)
        return str(self.state.get("key") or self.state["request_id"]) if found is None else found.decode("latin-1")


def asked_of(request: Request) -> Asked:
    """What came through ASGI."""
    return asked_while_it_comes(request.scope, request.receive)


def asked_while_it_comes(scope: Scope, receive: Receive) -> Asked:
    """What ``receive`` brings the body of."""
    return Asked(_content_type(scope), _ArrivingBody(receive), scope, receive)


def asked_at_once(scope: Scope, data: bytes) -> Asked:
    """What came whole; that its client leaves must be told otherwise than by messages."""
    return Asked(_content_type(scope), _WholeBody(data), scope, _nothing)


def _content_type(scope: Scope) -> str:
    found: bytes = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    return found.decode("latin-1")


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
