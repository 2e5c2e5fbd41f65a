"""The engine's process: opens versions when workers ask, and runs their images in batches that form across them all."""

import asyncio
import itertools
import logging
import math
import os
import socket
import struct
from collections.abc import Coroutine
from functools import partial
from typing import Any, cast

import numpy as np
from pydantic_core import from_json, to_json
from typing_extensions import override

from models.errors import WhatsitError
from models.preprocess import Pixels
from models.refs import Ref
from service.errors import InferenceFailed
from service.inference.fleet import Fleet
from service.inference.lease import Lease
from service.shared_engine.wire import Infer, Kind, Messages, message, pack_error, pack_row, unpack_infer

log = logging.getLogger(__name__)


class EngineServer:
    """Serves the engines of ``fleet`` to workers whose pixels are in ``memory``."""

    def __init__(self, fleet: Fleet, memory: memoryview) -> None:
        self._fleet = fleet
        self._memory = memory
        self._server: asyncio.Server | None = None
        self._workers: set[_Worker] = set()

    @property
    def connected(self) -> int:
        """How many workers are connected."""
        return len(self._workers)

    async def listen(self, address: str) -> None:
        """Take workers in at a Unix socket's address; one that begins with a zero byte has no file and leaves none."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: _Worker(self._fleet, self._memory, self._workers), address)

    def cut(self) -> None:
        """End all conversations at once, as a process does that is killed."""
        for worker in list(self._workers):
            worker.close()

    async def close(self) -> None:
        """Take nobody in any more, and finish what was accepted."""
        if self._server is not None:
            self._server.close()
        await self._fleet.close()
        self.cut()


class _Worker(Messages):
    """The connection of one worker; what it waits for is dropped when it dies."""

    def __init__(self, fleet: Fleet, memory: memoryview, connected: "set[_Worker]") -> None:
        super().__init__()
        self._connected = connected
        self._fleet = fleet
        self._memory = memory
        self._held: dict[int, Lease] = {}  # by handle; a version is open as long as a worker holds it
        self._handles = itertools.count()
        self._tasks: dict[int, asyncio.Task[bytes]] = {}
        self._transport: asyncio.WriteTransport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        if _is_a_stranger(transport):
            self.close()
        else:
            self._connected.add(self)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._connected.discard(self)
        self._transport = None
        for task in list(self._tasks.values()):
            task.cancel()
        for lease in self._held.values():
            lease.release()
        self._held.clear()

    @override
    def receive(self, kind: Kind, number: int, content: bytes) -> None:
        if kind is Kind.OPEN:
            self._begin(number, Kind.OPENED, self._open(content))
        elif kind is Kind.INFER:
            self._begin(number, Kind.ROW, self._infer(unpack_infer(content)))
        elif kind is Kind.CLOSE:
            self._held.pop(number).release()
        elif number in self._tasks:
            self._tasks[number].cancel()

    def close(self) -> None:
        """End the conversation."""
        if self._transport is not None:
            self._transport.close()

    def _begin(self, number: int, reply: Kind, work: Coroutine[Any, Any, bytes]) -> None:
        task = self._tasks[number] = asyncio.create_task(work)
        # Not in the work itself: what is cancelled before its first step would be answered by nobody, and the worker
        # takes back the memory of an image when it is answered.
        task.add_done_callback(partial(self._answer, number, reply))

    def _answer(self, number: int, reply: Kind, task: "asyncio.Task[bytes]") -> None:
        del self._tasks[number]
        error = InferenceFailed("it was given up") if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, WhatsitError):
            log.error("unexpected error", exc_info=error)
        if self._transport is not None:
            answer = (
                message(reply, number, task.result())
                if error is None
                else message(Kind.FAILED, number, pack_error(error))
            )
            self._transport.write(answer)

    async def _open(self, content: bytes) -> bytes:
        told = from_json(content)
        ref = Ref(told["name"], told["version"])
        lease = await self._fleet.lease(ref)
        if self._transport is None:
            lease.release()
            raise InferenceFailed("the worker is gone")
        handle, engine = next(self._handles), lease.engine
        self._held[handle] = lease
        facts = {"handle": handle, "device": engine.device, "precision": engine.precision}
        return to_json({**facts, "manifest": engine.manifest})

    async def _infer(self, asked: Infer) -> bytes:
        engine = self._held[asked.handle].current
        shape = engine.manifest.input.shape
        pixels: Pixels = np.frombuffer(self._memory, np.uint8, math.prod(shape), asked.offset).reshape(shape)
        delivered = await engine.infer(pixels, asked.deadline, urgent=asked.urgent)
        return pack_row(delivered.row.tobytes(), delivered.queue_s, delivered.run_s, delivered.batch)


def _is_a_stranger(transport: asyncio.BaseTransport) -> bool:
    """Whether another user is at the other end: an address without a file has no permissions."""
    if not hasattr(socket, "SO_PEERCRED"):
        return False
    own = transport.get_extra_info("socket")
    credentials = own.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", credentials)
    return bool(user != os.getuid())
