"""A worker's end: engines that run in the engine's process."""

import asyncio
import itertools
import logging
import socket
from functools import partial
from typing import NamedTuple, cast

import numpy as np
from pydantic_core import from_json, to_json
from typing_extensions import override

from models.manifest import Manifest, Precision
from models.postprocess import Probabilities
from models.precision import RealDevice
from models.preprocess import Pixels
from service.errors import Full, NotReady
from service.inference.engine import Engine
from service.inference.entries import Delivered
from service.shared_engine.arena import Arena
from service.shared_engine.wire import Infer, Kind, Messages, message, pack_infer, unpack_error, unpack_row

log = logging.getLogger(__name__)

_AGAIN_S = 0.05
_PATIENCE_S = 10.0  # a process that has died has a successor within two; a request has a deadline of its own
_STARTING = "the process that runs the models is starting; ask again in a moment"


class ProcessDied(NotReady):
    """The engine's process died before it answered."""


class Handle(NamedTuple):
    """What a process calls a version that it has open, and the connection to that process."""

    connection: "_Connection"
    number: int
    manifest: Manifest
    device: RealDevice
    precision: Precision


class RemoteOpener:
    """Has versions opened by the engine's process at ``address``.

    That reads this worker's images in ``memory``, which begins at the byte ``start`` of what it sees.
    """

    def __init__(self, address: str, memory: memoryview, start: int) -> None:
        self._address = address
        self._arena = Arena(memory)
        self._start = start
        self._connection: _Connection | None = None
        self._reachable = asyncio.Event()

    async def __call__(self, name: str, version: int) -> Engine:
        """Return an engine that was proved there; raises as ``open``."""
        return RemoteEngine(self, await self.open(name, version))

    async def open(self, name: str, version: int) -> Handle:
        """Have a version opened, waiting for the process where it is being replaced.

        Raises NotReady, NotFound, a BundleError or DeviceUnavailable.
        """
        asked = to_json({"name": name, "version": version})
        try:
            async with asyncio.timeout(_PATIENCE_S):
                connection, answer = await self._ask_whoever_lives(asked)
        except TimeoutError:
            raise NotReady(_STARTING) from None
        told = from_json(answer)
        manifest = Manifest.model_validate(told["manifest"])
        return Handle(connection, told["handle"], manifest, told["device"], told["precision"])

    async def _ask_whoever_lives(self, asked: bytes) -> tuple["_Connection", bytes]:
        while True:
            connection = self._connection
            if connection is None or connection.lost.done():
                self._reachable.clear()  # which keep_connected may not have come to yet
                await self._reachable.wait()
                continue
            try:
                return connection, await connection.ask(Kind.OPEN, asked)
            except ProcessDied:  # who dies still lets others in
                log.info("the engine's process died while it was asked for a version")

    async def keep_connected(self) -> None:
        """Stay connected for as long as the service runs, and connect anew when the engine's process has died."""
        loop = asyncio.get_running_loop()
        make = partial(_Connection, self._arena, self._start)
        while True:
            try:
                connected = _connect(self._address)
            except OSError:
                await asyncio.sleep(_AGAIN_S)
                continue
            _, connection = await loop.create_unix_connection(make, sock=connected)
            self._connection = connection
            self._reachable.set()
            await connection.lost
            self._reachable.clear()
            self._connection = None
            log.error("the engine's process is gone")

    async def reachable(self) -> None:
        """Wait until the engine's process is there."""
        await self._reachable.wait()

    def disconnect(self) -> None:
        """Leave."""
        if self._connection is not None:
            self._connection.close()


class RemoteEngine:
    """One version in the engine's process, and in its successor when it has died."""

    def __init__(self, opener: RemoteOpener, handle: Handle) -> None:
        self._opener = opener
        self._handle = handle
        self._renewing = asyncio.Lock()

    @property
    def manifest(self) -> Manifest:
        """What the version is."""
        return self._handle.manifest

    @property
    def device(self) -> RealDevice:
        """``cpu`` or ``cuda``."""
        return self._handle.device

    @property
    def precision(self) -> Precision:
        """The precision of the graph that runs."""
        return self._handle.precision

    @property
    def memory(self) -> int:
        """None of this process: it is another's."""
        return 0

    async def infer(self, pixels: Pixels, deadline: float, *, urgent: bool = True) -> Delivered[Probabilities]:
        """Return float32 ``[classes]`` for uint8 ``[height, width, channels]``; see Batcher.submit.

        An image whose process died is run by its successor, once: it may be what the process died of. Raises Full when
        the memory for images on their way is full, and NotReady when that process died as well, or did not come.
        """
        try:
            return await self._infer(pixels, deadline, urgent=urgent)
        except ProcessDied:
            await self._renew()
            return await self._infer(pixels, deadline, urgent=urgent)

    async def _infer(self, pixels: Pixels, deadline: float, *, urgent: bool) -> Delivered[Probabilities]:
        connection, number = self._handle.connection, self._handle.number
        row, queue_s, run_s, batch = await connection.infer(number, pixels, deadline, urgent=urgent)
        return Delivered(np.frombuffer(row, np.float32), queue_s, run_s, batch)

    async def _renew(self) -> None:
        async with self._renewing:
            if self._handle.connection.lost.done():
                self._handle = await self._opener.open(self.manifest.name, self.manifest.version)

    async def healthy(self) -> bool:
        """Whether the engine's process is there; it looks after its engines itself."""
        return not self.lost(0)

    def lost(self, most: float) -> bool:  # noqa: ARG002 - that process looks for runs that hang
        """Whether the process that it ran in is gone."""
        return self._handle.connection.lost.done()

    async def close(self) -> None:
        """Let go of it; others may use it too."""
        self._handle.connection.let_go(self._handle.number)

    def abandon(self, most: float = 0.0) -> None:
        """Nothing is left to give up."""

    def hand_over(self, successor: Engine | None) -> None:
        """Nothing: its images find the successor of the process by themselves."""


class _Connection(Messages):
    """One connection to one process; ``lost`` is done when it ends."""

    def __init__(self, arena: Arena, start: int) -> None:
        super().__init__()
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._arena = arena
        self._start = start
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._offsets: dict[int, int] = {}
        self._transport: asyncio.WriteTransport | None = None

    async def ask(self, kind: Kind, content: bytes, offset: int | None = None) -> bytes:
        """Send a message and return the content of its answer; raises what FAILED tells of.

        What lies at ``offset`` is taken back when the answer is there, whoever still waits for it.
        """
        if self._transport is None:
            raise ProcessDied(_STARTING)
        number = next(self._numbers)
        if offset is not None:
            self._offsets[number] = offset
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._transport.write(message(kind, number, content))
        try:
            answered: bytes = await answer
        except asyncio.CancelledError:
            if self._transport is not None:
                self._transport.write(message(Kind.CANCEL, number))
            raise
        return answered

    async def infer(
        self, handle: int, pixels: Pixels, deadline: float, *, urgent: bool
    ) -> tuple[bytes, float, float, int]:
        """Have one image run; see RemoteEngine.infer."""
        if self.lost.done():
            raise ProcessDied(_STARTING)
        offset = self._arena.put(pixels)
        if offset is None:
            raise Full("the memory for images on their way to the model is full", retry_after=1)
        asked = pack_infer(Infer(handle, self._start + offset, deadline, urgent))
        return unpack_row(await self.ask(Kind.INFER, asked, offset))

    def let_go(self, handle: int) -> None:
        """Say that a version is used no more."""
        if self._transport is not None:
            self._transport.write(message(Kind.CLOSE, handle))

    def close(self) -> None:
        """End it; who waits is told that the process is gone."""
        if self._transport is not None:
            self._transport.close()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._arena.clear()
        self._offsets.clear()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ProcessDied("the process that ran the model died; ask again in a moment"))
        self._waiting.clear()
        self.lost.set_result(None)

    @override
    def receive(self, kind: Kind, number: int, content: bytes) -> None:
        if (offset := self._offsets.pop(number, None)) is not None:
            self._arena.free(offset)
        answer = self._waiting.pop(number)
        if answer.done():  # nobody waits any more
            return
        if kind is Kind.FAILED:
            answer.set_exception(unpack_error(content))
        else:
            answer.set_result(content)


def _connect(address: str) -> socket.socket:
    """As uvloop cannot, which takes an address that begins with a zero byte for an empty one."""
    connected = socket.socket(socket.AF_UNIX)
    try:
        connected.connect(address)
    except OSError:
        connected.close()
        raise
    return connected
