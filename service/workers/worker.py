"""What one worker does: it serves its own socket, shows on the board how it fares, and heeds what stands there."""

import asyncio
import logging
import os
import signal
import socket
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
        elif self._told and not self._draining:
            self._leave()
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
        """Drain alone: whoever connects is left to a successor, of this worker or of the supervisor."""
        for server in self.servers if self.started else ():
            server.close()
        self.drain(self._grace)

    async def _show_readiness(self) -> None:
        while not self._draining:
            ready = await self._services.fleet.ready()
            if not self._draining:
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
