"""A body is read in either way, whichever way it came."""

from collections.abc import AsyncIterator

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from service.asked import Asked, asked_at_once, asked_of
from tests.service.support.asgi import GONE, piece


def arriving(*messages: Message) -> Asked:
    left = iter(messages)

    async def receive() -> Message:
        return next(left)

    headers = [(b"content-type", b"image/png")]
    return asked_of(Request({"type": "http", "headers": headers, "state": {"request_id": "x"}}, receive))


async def pieces(body: AsyncIterator[bytes]) -> list[bytes]:
    return [each async for each in body]


async def test_what_came_whole() -> None:
    asked = asked_at_once({"headers": [], "state": {}}, b"abc")
    assert await asked.body.whole() == b"abc"
    assert await pieces(asked.body.pieces()) == [b"abc"]


async def test_what_arrives() -> None:
    messages = (piece(b"a"), piece(b"bc"), piece(b"", more=False))
    assert await arriving(*messages).body.whole() == b"abc"
    assert await pieces(arriving(*messages).body.pieces()) == [b"a", b"bc", b""]
    assert await arriving(piece(b"abc", more=False)).body.whole() == b"abc"


async def test_what_else_there_is_to_know() -> None:
    asked = arriving()
    assert (asked.content_type, asked.state) == ("image/png", {"request_id": "x"})


async def test_a_client_that_leaves_before_the_end() -> None:
    with pytest.raises(ClientDisconnect):
        await arriving(piece(b"a"), GONE).body.whole()
