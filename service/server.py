"""The server process: uvicorn with our limits, and an end that finishes what is in flight."""

import ctypes
import math
import time
from collections.abc import Sequence
from functools import partial
from socket import socket
from types import FrameType
from typing import Any, cast

import uvicorn
from typing_extensions import override

from service.app import create_app
from service.deps import Services
from service.direct import Direct
from service.http_protocol import LimitedProtocol
from service.inference.opening import Opener
from service.settings import Settings
from service.workers.board import Board, Slot

_M_MMAP_THRESHOLD = -3  # of <malloc.h>
_LARGE_BLOCK = 1 << 20


class Server(uvicorn.Server):
    """After the first SIGTERM or SIGINT: new requests get 503, those in flight finish within the grace, exit 0.

    uvicorn alone closes its sockets at once and ends by raising the signal again, which is no clean exit. A second
    signal ends the grace; what is then still in flight is answered 503 as well.
    """

    def __init__(self, config: uvicorn.Config, services: Services) -> None:
        super().__init__(config)
        self._in_flight = services.in_flight
        self._grace = services.settings.shutdown_grace_s
        self._drain_ends = 0.0

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain; end the grace when that was asked for before."""
        self.drain(0 if self._in_flight.draining else self._grace)

    def drain(self, grace: float) -> None:
        """Refuse new requests and stop when none is in flight, or after ``grace`` seconds; at once when none came."""
        self._in_flight.draining = True
        self._drain_ends = time.monotonic() + grace
        if not self.started:
            self.should_exit = True

    @override
    async def on_tick(self, counter: int) -> bool:
        """Whether to stop; asked every tenth of a second."""
        return await super().on_tick(counter) or self._drained()

    def _drained(self) -> bool:
        if not self._in_flight.draining:
            return False
        left = self._drain_ends - time.monotonic()
        self.config.timeout_graceful_shutdown = max(0, math.ceil(left))
        return self._in_flight.requests == 0 or left <= 0


def serve(settings: Settings, sockets: Sequence[socket]) -> None:
    """Serve ``sockets`` in this process until told to stop."""
    slot = Board().slots[0]
    slot.occupy()
    config, services = prepare(settings, slot)
    Server(config, services).run(list(sockets))


def prepare(settings: Settings, slot: Slot, opener: Opener | None = None) -> tuple[uvicorn.Config, Services]:
    """Make what a Server takes: the app and all around it, for the process whose place is ``slot``."""
    app = create_app(settings, slot, opener)
    services: Services = app.state.services
    services.metrics.inherit()
    services.metrics.starts.add(slot.kind)
    protocol = partial(
        LimitedProtocol,
        settings=settings,
        metrics=services.metrics,
        in_flight=services.in_flight,
        direct=Direct(services),
    )
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=cast(Any, protocol),
        ws="none",
        loop="uvloop",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=settings.shutdown_grace_s,
    )
    _give_large_blocks_back()
    return config, services


def _give_large_blocks_back() -> None:
    """Have glibc return every block of a megabyte or more to the system as soon as it is freed.

    By itself it raises that bound to 32 MB, and keeps what it got for each thread: after one large WebP a decoding
    thread held 450 MB for ever. Other libraries of C have no such function, and need none.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK)
