"""A version in the engine's process stays open as long as a worker holds it, whatever becomes of it in the store."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from models.store import Store
from service.settings import Settings
from tests.service.shared_engine.test_client import House, soon
from tests.service.shared_engine.test_client import house as house  # noqa: PLC0414 - a fixture
from tests.service.support.moods import SLOW, moody_graph
from tests.support.bundles import publish_tiny


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A store to change, where nothing is kept open in reserve."""
    publish_tiny(tmp_path / "store", "moody", model=moody_graph())
    publish_tiny(tmp_path / "store", "moody")
    return Settings(store=tmp_path / "store", threads=1, max_batch=1, lanes=1, spare_versions=0)


@pytest.fixture
async def looking(house: House) -> AsyncIterator[House]:
    """The engine's process looks at its store all the time."""
    assert house.server is not None
    fleet = house.server._fleet  # noqa: SLF001

    async def look() -> None:
        while True:
            await fleet.look()
            await asyncio.sleep(0.01)

    task = asyncio.create_task(look())
    yield house
    task.cancel()


def state(house: House) -> str:
    assert house.server is not None
    return house.server._fleet.state("moody", 1)[0]  # noqa: SLF001


async def test_what_was_asked_of_a_version_that_is_removed_is_answered(looking: House) -> None:
    engine = await looking.engine(looking.worker(0))
    pixels = looking.pixels(SLOW)
    answers = [asyncio.ensure_future(engine.infer(pixels, soon())) for _ in range(3)]
    await asyncio.sleep(0.05)
    Store(looking.settings.store).remove("moody", 1, who="tests", why="")
    await asyncio.sleep(0.05)
    assert len((await engine.infer(pixels, soon())).row) == 3
    assert len(await asyncio.gather(*answers)) == 3
    assert state(looking) == "ready"


async def test_it_is_closed_when_all_workers_have_let_go(looking: House) -> None:
    engines = [await looking.engine(looking.worker(number)) for number in range(2)]
    await engines[0].close()
    await asyncio.sleep(0.1)
    assert state(looking) == "ready"
    await engines[1].close()
    async with asyncio.timeout(10):
        while state(looking) != "available":  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_worker_that_is_gone_has_let_go(looking: House) -> None:
    worker = looking.worker(0)
    await looking.engine(worker)
    worker.disconnect()
    async with asyncio.timeout(10):
        while state(looking) != "available":  # noqa: ASYNC110
            await asyncio.sleep(0.01)
