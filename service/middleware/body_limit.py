"""Counts the bytes of every body while they arrive, whatever Content-Length says, and gives them a deadline."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import BodyTimeout, BodyTooLarge, Full
from service.settings import Settings

_OTHER_BODIES = 65_536  # endpoints that take no images
_FRAMING = 65_536  # multipart boundaries, JSON braces
_JOBS = "/v1/jobs"


class Bodies:
    """The bodies of all requests of the process: how many bytes there may be, of each and of all together."""

    def __init__(self, settings: Settings) -> None:
        self.held = 0
        self.limit = settings.max_bodies_bytes
        self._settings = settings

    def most_bytes(self, path: str) -> int:
        """How many bytes a body may have that is sent to ``path``."""
        if path.endswith(("/predict/batch", "/infer")):
            return self._settings.max_batch_bytes
        if path == _JOBS:
            return self._settings.max_job_bytes
        if path.endswith("/predict"):
            return self._settings.max_image_bytes * 4 // 3 + _FRAMING  # base64 takes four bytes for three
        return _OTHER_BODIES

    def timeout(self, path: str) -> float:
        """Seconds for such a body to arrive."""
        return self._settings.job_body_timeout_s if path == _JOBS else self._settings.body_timeout_s

    def check(self) -> None:
        """Raise Full when those that are held take more memory than they may."""
        if self.held > self.limit:
            raise Full("the bodies of the requests inside fill the memory that they may take", retry_after=1)


class LimitedBody:
    """A body that arrives by ``receive``, whose own raises BodyTooLarge, BodyTimeout or Full; release it in the end."""

    def __init__(self, bodies: Bodies, scope: Scope, receive: Receive) -> None:
        headers = dict(scope["headers"])
        self._bodies = bodies
        self._receive = receive
        self._declared = int(headers.get(b"content-length", b"0"))
        self._limit = bodies.most_bytes(scope["path"])
        self._timeout = bodies.timeout(scope["path"])
        self._deadline = asyncio.get_running_loop().time() + self._timeout
        # The images of a job go to the disk while they come.
        self._held = scope["path"] != _JOBS or headers.get(b"content-type", b"").startswith(b"application/json")
        self._size = 0
        self._ended = False

    async def receive(self) -> Message:
        """The next message."""
        if self._ended:
            return await self._receive()  # only a disconnect can follow
        if self._declared > self._limit:
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

    def release(self) -> None:
        """Nobody needs it any more."""
        if self._held:
            self._bodies.held -= self._size

    def _count(self, received: int) -> None:
        self._size += received
        if self._held:
            self._bodies.held += received
        if self._size > self._limit:
            raise self._too_large()
        self._bodies.check()

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"the body is larger than the {self._limit:,} bytes that this path takes")


class BodyLimit:
    """Gives the app limited bodies; its handlers answer what they raise like any error."""

    def __init__(self, app: ASGIApp, bodies: Bodies) -> None:
        self._app = app
        self._bodies = bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = LimitedBody(self._bodies, scope, receive)
        try:
            await self._app(scope, body.receive, send)
        finally:
            body.release()
