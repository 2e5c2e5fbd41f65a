"""What the protocol's requests have to do with aliases that name two versions, and with a shadow."""

import asyncio

import pytest

from models.aliases import move_alias, set_canary
from models.store import Store
from service.settings import Settings
from tests.service.api.openinference.support import INFER, assert_error, image_input, outputs, pixel_input, png
from tests.service.support.apps import App, running_app
from tests.support.bundles import publish_tiny

BY = {"who": "tests", "why": ""}


@pytest.fixture
def settings(store: Store) -> Settings:
    """Two versions of ``tiny``, of which production is the first; all images are shown to a shadow."""
    publish_tiny(store.location)
    move_alias(store, "tiny", "production", 1, **BY)
    return Settings(store=store.location, threads=1, max_batch=1, shadow_share=1, store_poll_s=0.01)


async def begin_canary(app: App, store: Store) -> None:
    set_canary(store, "tiny", "production", 2, (1, 1), **BY)
    while canary(app) is None:  # noqa: ASYNC110 - the service follows its store
        await asyncio.sleep(0.01)


def canary(app: App) -> int | None:
    return app.services.fleet.find(app.services.fleet.default).target.canary


async def test_a_client_meets_one_of_two_versions_and_always_the_same(app: App, store: Store) -> None:
    await begin_canary(app, store)
    met = set()
    for client in range(20):
        versions = set()
        for _ in range(2):
            response = await app.client.post(
                INFER, json={"inputs": [pixel_input()]}, headers={"x-client-id": str(client)}
            )
            assert outputs(response)
            versions.add(response.json()["model_version"])
        assert len(versions) == 1
        met |= versions
    assert met == {"1", "2"}


async def test_clients_without_patience_do_not_end_a_canary(settings: Settings, store: Store) -> None:
    async with running_app(settings.model_copy(update={"canary_images": 1})) as app:
        await begin_canary(app, store)
        for client in range(40):
            members = {"inputs": [pixel_input()], "parameters": {"timeout": 1}}
            assert_error(await app.client.post(INFER, json=members, headers={"x-client-id": str(client)}), 504)
        await app.services.fleet.look()
        assert canary(app) == 2


async def test_images_are_shown_to_a_shadow_and_pixels_are_not(app: App, store: Store) -> None:
    move_alias(store, "tiny", "shadow", 2, **BY)
    await app.services.fleet.look()
    agreed = 'whatsit_shadow_images_total{challenger="2",model="tiny",outcome="agreed",version="1"}'
    outputs(await app.client.post(INFER, json={"inputs": [pixel_input()]}))
    outputs(await app.client.post(INFER, json={"inputs": [image_input(png("red"), png("blue"))]}))
    while await app.metric(agreed) < 2:  # noqa: ASYNC110 - it is asked when nobody waits
        await asyncio.sleep(0.01)
    assert await app.metric(agreed) == 2
