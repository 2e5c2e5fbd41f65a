"""The bytes of a body are counted while they arrive, whatever was declared, and they have a deadline."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from starlette.types import Message

from tests.service.conftest import Start
from tests.service.support.apps import App
from tests.service.support.asgi import GONE, converse, piece
from tests.service.support.bodies import MULTIPART, files
from tests.service.support.problems import assert_problem
from tests.support.images import encode, solid

RED = encode(solid("red"), "PNG")
PNG: dict[str, Any] = {"content_type": "image/png"}
FRAMING = 65_536


async def told(pieces: Iterable[bytes]) -> AsyncIterator[Message]:
    """All of a body."""
    for body in pieces:
        yield piece(body)
    yield piece(b"", more=False)


async def silent() -> AsyncIterator[Message]:
    """Nothing, for ever."""
    await asyncio.get_running_loop().create_future()
    yield GONE


@pytest.mark.parametrize(("path", "limit"), [("/v1/predict", 1333 + FRAMING), ("/v1/predict/batch", 5000)])
@pytest.mark.parametrize("length", ["none", "true", "far too small"])
async def test_one_byte_more_than_the_limit_is_too_large(start: Start, path: str, limit: int, length: str) -> None:
    lengths = {"none": {}, "true": {"content_length": str(limit + 1)}, "far too small": {"content_length": "5"}}
    async with start(max_image_bytes=1000, max_batch_bytes=5000) as app:
        response = await converse(app.app, path, told([bytes(limit), b"x"]), **PNG, **lengths[length])
        assert_problem(response, 413, "body-too-large")
        response = await converse(app.app, path, told([bytes(limit - 1), b"x"]), **PNG)
        assert response.status_code != 413 or b"image-too-large" in response.content


async def test_what_declares_too_much_is_refused_unread(app: App) -> None:
    response = await converse(app.app, "/v1/predict", silent(), **PNG, content_length="999999999999")
    assert_problem(response, 413, "body-too-large")


async def test_an_image_above_its_limit_in_a_body_within_its_own(start: Start) -> None:
    async with start(max_image_bytes=1000) as app:
        for content_type, body in (("image/png", bytes(1001)), (MULTIPART, files([bytes(1001)], field="file"))):
            response = await app.client.post("/v1/predict", content=body, headers={"content-type": content_type})
            assert_problem(response, 413, "image-too-large")


async def test_hundreds_of_thousands_of_crumbs_are_counted_too(start: Start) -> None:
    async with start(max_image_bytes=30_000) as app:
        response = await converse(app.app, "/v1/predict", told(b"x" for _ in range(120_000)), **PNG)
        assert_problem(response, 413, "body-too-large")


async def test_a_body_that_stops_is_not_waited_for(start: Start) -> None:
    async def stops() -> AsyncIterator[Message]:
        yield piece(b"--a-boundary\r\n")
        await asyncio.get_running_loop().create_future()

    async with start(body_timeout_s=0.05) as app:
        for content_type in ("image/png", "application/json", MULTIPART):
            response = await converse(app.app, "/v1/predict", stops(), content_type=content_type)
            assert_problem(response, 408, "body-timeout")


async def test_a_body_that_trickles_is_not_waited_for(start: Start) -> None:
    async def trickles() -> AsyncIterator[Message]:
        while True:
            await asyncio.sleep(0.01)
            yield piece(b"x")

    async with start(body_timeout_s=0.1) as app:
        assert_problem(await converse(app.app, "/v1/predict", trickles(), **PNG), 408, "body-timeout")


async def test_the_deadline_of_the_body_does_not_count_for_the_answer(start: Start) -> None:
    async def late() -> AsyncIterator[Message]:
        yield piece(RED, more=False)

    async with start(body_timeout_s=0.05, default_model="moody") as app:
        assert (await converse(app.app, "/v1/predict", late(), **PNG)).status_code == 200


async def test_who_leaves_is_told_nothing_and_noted(app: App) -> None:
    async def leaves() -> AsyncIterator[Message]:
        yield piece(b"--a-boundary\r\n")
        yield GONE

    for content_type in ("image/png", "application/json", MULTIPART):
        response = await converse(app.app, "/v1/predict", leaves(), content_type=content_type)
        assert_problem(response, 499, "client-left")


async def test_all_bodies_together_have_a_limit_and_give_back_what_they_held(start: Start) -> None:
    """The first holds 600 of 1000 bytes until it may go on; the second finds no room, and room when it is gone."""
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def holds() -> AsyncIterator[Message]:
        yield piece(bytes(600))
        entered.set()
        await go_on.wait()
        yield piece(b"", more=False)

    async with start(max_bodies_bytes=1000) as app:
        first = asyncio.create_task(converse(app.app, "/v1/predict", holds(), **PNG))
        await entered.wait()
        full = await converse(app.app, "/v1/predict", told([bytes(401)]), **PNG)
        assert_problem(full, 429, "full")
        assert full.headers["retry-after"] == "1"
        assert (await converse(app.app, "/v1/predict", told([bytes(400)]), **PNG)).status_code == 415
        go_on.set()
        assert (await first).status_code == 415
        for _ in range(3):
            assert (await converse(app.app, "/v1/predict", told([bytes(1000)]), **PNG)).status_code == 415


async def test_a_request_that_is_cancelled_gives_back_what_it_held(start: Start) -> None:
    async def holds() -> AsyncIterator[Message]:
        yield piece(bytes(1000))
        await asyncio.get_running_loop().create_future()

    async with start(max_bodies_bytes=1000) as app:
        task = asyncio.create_task(converse(app.app, "/v1/predict", holds(), **PNG))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait([task])
        assert (await converse(app.app, "/v1/predict", told([bytes(1000)]), **PNG)).status_code == 415
