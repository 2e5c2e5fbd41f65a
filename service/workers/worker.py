"""What one worker does: it serves its own socket, shows on the board how it fares, and heeds what stands there."""

import asyncio
import logging
import math
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from types import FrameType

import uvicorn
from typing_extensions import override

from service.deps import Services
from service.inference.opening import Opener
from service.observability.logs import configure_logs
from service.server import Server, prepare
from service.settings import Settings
from service.workers.board import Order, Slot, State

log = logging.getLogger(__name__)

_BEAT_S = 0.25
_STARTING_S = 0.05
_LEAVES_IN_S = 2.0  # a client that asks less often than that opens a connection anew
_AFTER_S = 5.0  # how much later than the supervisor the kernel ends a worker that hangs


class WorkerServer(Server):
    """A server that beats, and that drains when the board says so, when it is told by SIGTERM, and as an orphan."""

    def __init__(self, config: uvicorn.Config, services: Services, supervisor: int) -> None:
        super().__init__(config, services)
        self._services = services
        self._slot = services.slot
        self._supervisor = supervisor
        self._orphan = False
        self._told = False
        self._leaves_at = math.inf

    @override
    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve ``sockets`` until drained."""
        tasks = [asyncio.create_task(self._beat()), asyncio.create_task(self._show_readiness())]
        try:
            await super().serve(sockets)
        finally:
            for task in tasks:
                task.cancel()
        self._services.metrics.show()

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note that this worker is to end, and perhaps it alone; SIGINT comes from a terminal, for the supervisor."""
        self._told = self._told or sig == signal.SIGTERM

    @override
    def drain(self, grace: float) -> None:
        """Say so on the board as well."""
        self._slot.state = State.DRAINING
        super().drain(grace)

    @override
    async def on_tick(self, counter: int) -> bool:
        """Heed what stands on the board; called every tenth of a second."""
        order = self._slot.board.order
        if order is Order.END:
            self.drain(0)
        elif order is Order.DRAIN and not self._draining:
            self.drain(self._grace)
        elif self._told:
            self._leave()
        if self._has_left() and not self._draining:
            self.drain(self._grace)
        return await super().on_tick(counter)

    @property
    def _draining(self) -> bool:
        return self._services.in_flight.draining

    async def _beat(self) -> None:
        while True:
            self._slot.beat()
            self._services.metrics.show()
            self._look_for_endless_decodes()
            if not self._orphan:
                self._look_for_supervisor()
            await asyncio.sleep(_BEAT_S)

    def _look_for_endless_decodes(self) -> None:
        """End at once, to be replaced, when a decode does not come back: no thread can be taken out of it."""
        if self._services.pipeline.longest_decode() > self._services.settings.worker_timeout_s:
            log.error("worker gives up", extra={"reason": "a decode does not come back"})
            logging.shutdown()
            os._exit(1)

    def _look_for_supervisor(self) -> None:
        """Drain when it is gone. Nobody is then left to kill a process that hangs, but the kernel, by its timer."""
        self._orphan = os.getppid() != self._supervisor
        if self._orphan:
            log.error("the supervisor is gone")
            self._leave()
        settings = self._services.settings
        left = self._grace + settings.run_timeout_s if self._orphan else settings.worker_timeout_s
        signal.setitimer(signal.ITIMER_REAL, left + _AFTER_S)

    def _leave(self) -> None:
        """Leave whoever connects to a successor, of this worker or of the supervisor, and drain in a moment.

        Until then connections that were kept end with their next answer: no client need be refused.
        """
        if self._leaves_at == math.inf:
            self._leaves_at = time.monotonic() + _LEAVES_IN_S
            self._services.in_flight.leaving = True
            self._slot.state = State.DRAINING
            for server in self.servers if self.started else ():
                server.close()

    def _has_left(self) -> bool:
        """Whether all connections have ended that were kept, or had time for it."""
        leaving = self._services.in_flight.leaving
        return leaving and (not self.server_state.connections or time.monotonic() > self._leaves_at)

    async def _show_readiness(self) -> None:
        in_flight = self._services.in_flight
        while not (in_flight.draining or in_flight.leaving):
            ready = await self._services.fleet.ready()
            if not (in_flight.draining or in_flight.leaving):
                self._slot.state = State.READY if ready else State.STARTING
            await asyncio.sleep(_BEAT_S if ready else _STARTING_S)


def work(
    settings: Settings,
    slot: Slot,
    sockets: Sequence[socket.socket],
    supervisor: int,
    make_opener: Callable[[], Opener] | None = None,
) -> None:
    """Be the worker whose place is ``slot``, forked by the process ``supervisor``: serve ``sockets`` until drained.

    ``make_opener`` makes what opens versions elsewhere than in this process.
    """
    configure_logs(settings.log_level, role=slot.name)
    config, services = prepare(settings, slot, make_opener and make_opener())
    WorkerServer(config, services, supervisor).run(list(sockets))
