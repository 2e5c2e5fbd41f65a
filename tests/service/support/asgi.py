"""One ASGI conversation, message by message: for clients that no HTTP library plays."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Scope


@dataclass(frozen=True, slots=True)
class AsgiResponse:
    """What the app sent."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes


def piece(body: bytes, *, more: bool = True) -> Message:
    """A piece of a body."""
    return {"type": "http.request", "body": body, "more_body": more}


GONE: Message = {"type": "http.disconnect"}


async def converse(app: ASGIApp, path: str, messages: AsyncIterator[Message], **headers: str) -> AsgiResponse:
    """POST to ``path``, giving the app ``messages`` as it asks for them, and then nothing more."""
    sent: list[Message] = []

    async def receive() -> Message:
        async for message in messages:
            return message
        return await asyncio.get_running_loop().create_future()  # a client that waits for its answer

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("test", 80),
        "state": {},
    }
    await app(scope, receive, send)
    start, *bodies = sent
    given = {name.decode(): value.decode() for name, value in start["headers"]}
    return AsgiResponse(start["status"], given, b"".join(message.get("body", b"") for message in bodies))
