"""Canaries over HTTP: what a bad one does to clients is seen, and it ends by itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from models.aliases import move_alias, set_canary
from models.store import Store
from models.targets import Target
from service.settings import Settings
from tests.service.support.apps import App, running_app
from tests.service.support.bodies import MULTIPART, files
from tests.service.support.moods import FAILS, GOOD, SLOW, mood, moody_graph
from tests.support.bundles import publish_tiny

WHO = {"who": "tests", "why": "to see"}
PATH = "/v1/models/tiny/predict"
Ask = Callable[[App, int, int], Awaitable[int]]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A version that answers whatever it is shown, and beside it one that can be told to fail, or to be slow."""
    store = Store(tmp_path / "store")
    publish_tiny(store.location)
    publish_tiny(store.location, model=moody_graph(slow_s=0.05))
    move_alias(store, "tiny", "production", 1, **WHO)
    set_canary(store, "tiny", "production", 2, (50, 50), **WHO)
    return store


@pytest.fixture
async def app(store: Store) -> AsyncIterator[App]:
    bounds = {"canary_images": 8, "canary_slowness": 20, "store_poll_s": 0.02, "max_batch": 1}
    async with asyncio.timeout(60), running_app(Settings(store=store.location, threads=1, **bounds)) as app:
        yield app


async def one(app: App, which: int, client: int) -> int:
    headers = {"content-type": "image/png", "x-client-id": str(client)}
    return (await app.client.post(PATH, content=mood(which), headers=headers)).status_code


async def batch(app: App, which: int, client: int) -> int:
    headers = {"content-type": MULTIPART, "x-client-id": str(client)}
    answer = await app.client.post(f"{PATH}/batch", content=files([mood(which)] * 2), headers=headers)
    return 200 if answer.json()["summary"]["failed"] == 0 else 500


async def ended(app: App, store: Store, ask: Ask, which: int) -> str:
    """Ask until the canary has ended; returns why."""
    client = 0
    while store.targets("tiny")["production"].canary:
        client += 1
        await ask(app, which, client)
        await asyncio.sleep(0)
    last = store.history("tiny")[-1]
    assert (last.action, last.who, store.targets("tiny")["production"]) == ("end", "whatsit serve", Target(1))
    assert {await ask(app, which, number) for number in range(20)} == {200}
    return last.why


@pytest.mark.parametrize("ask", [one, batch])
async def test_one_that_fails_ends(app: App, store: Store, ask: Ask) -> None:
    assert "images failed" in await ended(app, store, ask, FAILS)
    assert await app.metric('whatsit_swaps_total{alias="production",model="tiny",outcome="returned"}') == 1


@pytest.mark.parametrize("ask", [one, batch])
async def test_one_that_is_slow_ends(app: App, store: Store, ask: Ask) -> None:
    assert "of its images took up to" in await ended(app, store, ask, SLOW)


async def test_one_that_does_not_answer_in_time_ends(store: Store) -> None:
    settings = Settings(store=store.location, threads=1, max_batch=1, store_poll_s=0.02, request_timeout_s=0.01)
    async with asyncio.timeout(60), running_app(settings) as app:
        assert "images failed" in await ended(app, store, one, SLOW)


async def test_a_good_one_goes_on(app: App, store: Store) -> None:
    answered = [await one(app, GOOD, client) for client in range(60)]
    await asyncio.sleep(0.1)
    assert set(answered) == {200}
    assert store.targets("tiny")["production"] == Target(1, 2, (50, 50))


async def test_images_that_cannot_be_decoded_are_nobodys_fault(app: App, store: Store) -> None:
    for client in range(60):
        headers = {"content-type": "image/png", "x-client-id": str(client)}
        assert (await app.client.post(PATH, content=b"no image", headers=headers)).status_code == 415
    await asyncio.sleep(0.1)
    assert store.targets("tiny")["production"].canary == 2
