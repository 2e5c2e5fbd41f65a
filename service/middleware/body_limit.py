"""Counts the bytes of every body while they arrive, whatever Content-Length says, and gives them a deadline."""

import asyncio
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import BodyTimeout, BodyTooLarge, Full
from service.settings import Settings

_OTHER_BODIES = 65_536  # endpoints that take no images
_FRAMING = 65_536  # multipart boundaries, JSON braces


@dataclass(slots=True)
class BodiesInMemory:
    """The bytes of all bodies of the process, and how many there may be."""

    limit: int
    held: int = 0


class BodyLimit:
    """Lets ``receive`` raise BodyTooLarge, BodyTimeout or Full; the app's handlers answer them like any error."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._memory = BodiesInMemory(settings.max_bodies_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = most_bytes(scope["path"], self._settings)
        body = _Body(scope, receive, limit, self._settings.body_timeout_s, self._memory)
        try:
            await self._app(scope, body.receive, send)
        finally:
            self._memory.held -= body.size


def most_bytes(path: str, settings: Settings) -> int:
    """How many bytes a body may have that is sent to ``path``."""
    if path.endswith("/predict/batch"):
        return settings.max_batch_bytes
    if path.endswith("/predict"):
        return settings.max_image_bytes * 4 // 3 + _FRAMING  # base64 takes four bytes for three
    return _OTHER_BODIES


class _Body:
    def __init__(self, scope: Scope, receive: Receive, limit: int, timeout: float, memory: BodiesInMemory) -> None:
        headers = dict(scope["headers"])
        self.declared = int(headers.get(b"content-length", b"0"))
        self.size = 0
        self._ended = False
        self._receive = receive
        self._limit = limit
        self._timeout = timeout
        self._deadline = asyncio.get_running_loop().time() + timeout
        self._memory = memory

    async def receive(self) -> Message:
        if self._ended:
            return await self._receive()  # only a disconnect can follow
        if self.declared > self._limit:
            raise self._too_large()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError as error:
            raise BodyTimeout(f"the body did not arrive within {self._timeout:g} s") from error
        if message["type"] == "http.request":
            self._count(len(message.get("body", b"")))
            self._ended = not message.get("more_body", False)
        return message

    def _count(self, received: int) -> None:
        self.size += received
        self._memory.held += received
        if self.size > self._limit:
            raise self._too_large()
        if self._memory.held > self._memory.limit:
            raise Full("the bodies of the requests inside fill the memory that they may take", retry_after=1)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"the body is larger than the {self._limit:,} bytes that this path takes")
