"""An engine over a real session: rows, failures, health, its end."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.opening import Opened, open_version
from models.preprocess import Pixels, load_pixels
from models.store import Store
from service.errors import InferenceFailed
from service.inference.engine import Engine, LocalEngine
from service.inference.entries import Delivered
from tests.service.support.moods import FAILS, GOOD, HANGS, SLOW, mood


@pytest.fixture(scope="session")
def moody(colours_root: Path) -> Opened:
    return open_version(Store(colours_root), "moody", 1, threads=1)


@pytest.fixture
async def engine(moody: Opened) -> AsyncIterator[Engine]:
    engine = LocalEngine(moody, max_batch=8)
    yield engine
    await engine.close()


def pixels(moody: Opened, which: int = GOOD) -> Pixels:
    return load_pixels(mood(which), moody.manifest.input)


def soon() -> float:
    return time.monotonic() + 60


async def test_each_image_gets_the_row_that_the_graph_gives_it(moody: Opened, engine: Engine) -> None:
    images = [np.full((8, 8, 3), grey, np.uint8) for grey in range(0, 240, 16)]
    expected = moody.session.run(np.stack(images))
    delivered = await asyncio.gather(*(engine.infer(image, soon()) for image in images))
    assert np.abs(np.stack([one.row for one in delivered]) - expected).max() < 1e-6
    assert max(one.batch for one in delivered) == 8


async def test_the_image_that_the_graph_cannot_take_fails_alone(moody: Opened, engine: Engine) -> None:
    images = [pixels(moody, FAILS if place == 5 else GOOD) for place in range(8)]
    results = await asyncio.gather(*(engine.infer(image, soon()) for image in images), return_exceptions=True)
    assert [isinstance(result, InferenceFailed) for result in results] == [place == 5 for place in range(8)]


async def test_an_engine_that_failed_proves_itself_before_it_is_called_healthy(moody: Opened, engine: Engine) -> None:
    assert await engine.healthy()
    with pytest.raises(InferenceFailed):
        await engine.infer(pixels(moody, FAILS), soon())
    assert await engine.healthy()


async def test_an_engine_whose_golden_images_no_longer_come_back_is_not_healthy(moody: Opened) -> None:
    others = moody.golden.model_copy(update={"images": moody.golden.images[::-1]})
    engine = LocalEngine(replace(moody, golden=others), max_batch=8)
    with pytest.raises(InferenceFailed):
        await engine.infer(pixels(moody, FAILS), soon())
    assert not await engine.healthy()
    await engine.infer(pixels(moody), soon())
    assert await engine.healthy(), "what answers is healthy"
    await engine.close()


async def test_closing_finishes_what_was_accepted(moody: Opened) -> None:
    engine = LocalEngine(moody, max_batch=1)
    tasks = [asyncio.ensure_future(engine.infer(pixels(moody, which), soon())) for which in (SLOW, GOOD, GOOD)]
    await asyncio.sleep(0)
    await engine.close()
    assert [(await task).batch for task in tasks] == [1, 1, 1]
    assert not await engine.healthy()
    with pytest.raises(InferenceFailed):
        await engine.infer(pixels(moody), soon())


async def test_it_says_what_it_is(moody: Opened, engine: Engine) -> None:
    assert (engine.manifest.name, engine.device) == ("moody", "cpu")


async def test_a_run_that_does_not_come_back_is_noticed_and_stopped(colours_root: Path) -> None:
    opened = open_version(Store(colours_root), "moody", 1, threads=1)
    engine = LocalEngine(opened, max_batch=2)
    tasks = [asyncio.ensure_future(engine.infer(pixels(opened, which), soon())) for which in (HANGS, GOOD, GOOD)]
    async with asyncio.timeout(30):
        while not engine.lost(0.05):  # noqa: ASYNC110 - there is nothing to wait on
            await asyncio.sleep(0.01)
    assert not engine.lost(60)
    engine.abandon(0.05)
    successor = LocalEngine(open_version(Store(colours_root), "moody", 1, threads=1), max_batch=2)
    engine.hand_over(successor)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [
        InferenceFailed,
        InferenceFailed,
        Delivered,
    ]  # two were run together
    await successor.close()
    assert not await engine.healthy()
    with pytest.raises(Exception, match="terminate"):
        opened.session.run(pixels(opened)[None])
