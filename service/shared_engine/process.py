"""What the engine's process does: it runs the graphs for all workers until the last of them has ended."""

import asyncio
import logging
import os
import signal

import uvloop

from service.inference.fleet import Fleet
from service.inference.opening import LocalOpener
from service.observability.logs import configure_logs
from service.settings import Settings
from service.shared_engine.server import EngineServer
from service.store import store_of
from service.workers.board import Order, Slot, State

log = logging.getLogger(__name__)

_BEAT_S = 0.1


def run_engine(settings: Settings, slot: Slot, memory: memoryview, address: str, supervisor: int) -> None:
    """Be the process whose place is ``slot``, forked by the process ``supervisor``; see EngineServer."""
    configure_logs(settings.log_level, role=slot.name)
    uvloop.run(_serve(settings, slot, memory, address, supervisor))


async def _serve(settings: Settings, slot: Slot, memory: memoryview, address: str, supervisor: int) -> None:
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    store = store_of(settings, serving=True)
    fleet = Fleet(store, settings, LocalOpener(store, settings, slot.board.images_at_work))
    server = EngineServer(fleet, memory)
    await server.listen(address)
    tasks = [asyncio.create_task(work) for work in (fleet.watch(), fleet.follow(), fleet.open_default())]
    while not (told.is_set() or _over(slot, supervisor, server.connected)):
        slot.beat()
        if slot.state is State.STARTING and await fleet.ready():
            slot.state = State.READY
        await asyncio.sleep(_BEAT_S)
    slot.state = State.DRAINING
    for task in tasks:
        task.cancel()
    await server.close()


def _over(slot: Slot, supervisor: int, workers: int) -> bool:
    """Whether there is nobody left to run anything for: no worker is connected, and none will be."""
    if slot.board.order is Order.END:
        return True
    stopping = slot.board.order is Order.DRAIN or os.getppid() != supervisor
    return stopping and not workers
