"""Workers and the engine's process over a real socket; both ends live in the test's own process."""

import asyncio
import mmap
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import numpy as np
import pytest

from models.errors import VersionNotFound
from models.opening import open_version
from models.preprocess import Pixels, load_pixels
from models.store import Store
from service.errors import DeadlinePassed, Full, InferenceFailed, NotReady
from service.inference.engine import Engine
from service.inference.fleet import Fleet
from service.inference.opening import LocalOpener
from service.settings import Settings
from service.shared_engine import client
from service.shared_engine.client import RemoteOpener
from service.shared_engine.server import EngineServer
from tests.service.support.moods import FAILS, GOOD, SLOW, mood

SHARE = 64 * 4096
MODEL = ("moody", 1)


@dataclass
class House:
    """An engine's process, and workers that connect to it when they are asked for."""

    store: Store
    settings: Settings
    address: str
    memory: memoryview
    tasks: list["asyncio.Task[None]"]
    server: EngineServer | None = None

    async def start(self) -> None:
        fleet = Fleet(self.store, self.settings, LocalOpener(self.store, self.settings))
        self.server = EngineServer(fleet, self.memory)
        await self.server.listen(self.address)

    async def stop(self) -> None:
        if self.server is not None:
            await self.server.close()
            self.server = None

    def worker(self, number: int) -> RemoteOpener:
        share = self.memory[number * SHARE : (number + 1) * SHARE]
        opener = RemoteOpener(self.address, share, number * SHARE)
        self.tasks.append(asyncio.create_task(opener.keep_connected()))
        return opener

    async def engine(self, worker: RemoteOpener) -> Engine:
        return await worker(*MODEL)

    async def die(self) -> None:
        """As if it was killed: those who are connected see it at once."""
        stopping = asyncio.create_task(self.stop())
        assert self.server is not None
        self.server.cut()
        await stopping

    async def busy(self) -> None:
        """Wait until an image of a worker is being run."""
        assert self.server is not None
        while not any(lease.current.lost(0) for worker in self.server._workers for lease in worker._held.values()):  # noqa: ASYNC110, SLF001
            await asyncio.sleep(0.001)

    def pixels(self, which: int = GOOD) -> Pixels:
        return load_pixels(mood(which), self.store.manifest(*MODEL).input)


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[House]:
    address = f"\0whatsit-test-{os.getpid()}-{time.monotonic_ns()}"
    house = House(Store(settings.store), settings, address, memoryview(mmap.mmap(-1, 2 * SHARE)), [])
    await house.start()
    yield house
    for task in house.tasks:
        task.cancel()
    await asyncio.gather(*house.tasks, return_exceptions=True)
    await house.stop()


def soon() -> float:
    return time.monotonic() + 60


async def test_rows_are_those_of_the_graph_and_batches_form_across_workers(house: House) -> None:
    engines = [await house.engine(house.worker(number)) for number in range(2)]
    images = [np.full((8, 8, 3), grey, np.uint8) for grey in range(0, 200, 16)]
    slow = asyncio.create_task(engines[0].infer(house.pixels(SLOW), soon()))
    await asyncio.sleep(0.02)
    delivered = await asyncio.gather(*(engines[place % 2].infer(image, soon()) for place, image in enumerate(images)))
    await slow
    expected = open_version(house.store, *MODEL, threads=1).session.run(np.stack(images))
    assert np.abs(np.stack([one.row for one in delivered]) - expected).max() < 1e-6
    assert {one.batch for one in delivered} == {len(images)}


async def test_an_engine_there_says_what_it_is(house: House) -> None:
    engine = await house.engine(house.worker(0))
    assert engine.manifest == house.store.manifest(*MODEL)
    assert (engine.device, engine.precision) == ("cpu", "fp32")
    assert await engine.healthy()


async def test_errors_come_back_as_what_they_are(house: House) -> None:
    worker = house.worker(0)
    engine = await house.engine(worker)
    with pytest.raises(InferenceFailed):
        await engine.infer(house.pixels(FAILS), soon())
    with pytest.raises(DeadlinePassed):
        await engine.infer(house.pixels(), time.monotonic() - 1)
    with pytest.raises(VersionNotFound):
        await worker("moody", 9)
    assert (await engine.infer(house.pixels(), soon())).batch == 1


async def test_memory_is_taken_back_only_when_the_engine_has_let_go(house: House) -> None:
    engine = await house.engine(house.worker(0))
    pages = SHARE // 4096
    tasks = [asyncio.create_task(engine.infer(house.pixels(SLOW), soon())) for _ in range(pages)]
    await asyncio.sleep(0.05)
    with pytest.raises(Full):
        await engine.infer(house.pixels(), soon())
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(30):
        while True:
            try:
                assert (await engine.infer(house.pixels(), soon())).row.argmax() == 0
                break
            except Full:
                await asyncio.sleep(0.01)
    again = await asyncio.gather(*(engine.infer(house.pixels(), soon()) for _ in range(pages)))
    assert len(again) == pages


async def test_what_a_process_that_dies_had_is_run_by_its_successor(house: House) -> None:
    engine = await house.engine(house.worker(0))
    waiting = asyncio.create_task(engine.infer(house.pixels(SLOW), soon()))
    await asyncio.sleep(0.02)
    await house.die()
    assert engine.lost(60)
    assert not await engine.healthy()
    later = [asyncio.create_task(engine.infer(house.pixels(), soon())) for _ in range(5)]
    await asyncio.sleep(0.02)
    assert not waiting.done()
    await house.start()
    rows = [delivered.row for delivered in await asyncio.gather(waiting, *later)]
    assert all(row.argmax() == 0 for row in rows)
    assert await engine.healthy()


async def test_what_two_processes_died_of_is_not_given_to_a_third(house: House) -> None:
    engine = await house.engine(house.worker(0))
    waiting = asyncio.create_task(engine.infer(house.pixels(SLOW), soon()))
    for _ in range(2):
        await house.busy()
        await house.die()
        await house.start()
    with pytest.raises(NotReady):
        await waiting
    assert (await engine.infer(house.pixels(), soon())).row.argmax() == 0


async def test_a_successor_that_does_not_come_is_not_waited_for_long(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_PATIENCE_S", 0.02)
    engine = await house.engine(house.worker(0))
    await house.die()
    with pytest.raises(NotReady):
        await engine.infer(house.pixels(), soon())


async def test_a_worker_that_dies_is_forgotten(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_PATIENCE_S", 0.02)
    dying, other = house.worker(0), house.worker(1)
    engine, survivor = await house.engine(dying), await house.engine(other)
    tasks = [asyncio.create_task(engine.infer(house.pixels(SLOW), soon())) for _ in range(20)]
    await asyncio.sleep(0.05)
    house.tasks[0].cancel()
    dying.disconnect()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, NotReady) for result in results)
    assert (await survivor.infer(house.pixels(), soon())).row.argmax() == 0
