"""More than the service can do: it says so at once, forgets nobody, and is itself again afterwards."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from starlette.types import Message

from tests.service.conftest import Start
from tests.service.support.apps import App
from tests.service.support.asgi import GONE, converse, piece
from tests.service.support.bodies import MULTIPART, files
from tests.service.support.moods import GOOD, HANGS, SLOW, mood
from tests.service.support.problems import assert_problem
from tests.service.support.process import Server
from tests.service.support.raw import connect, request
from tests.support.images import encode, solid

PNG = {"content-type": "image/png"}


async def predict(app: App, which: int) -> httpx.Response:
    return await app.client.post("/v1/models/moody/predict", content=mood(which), headers=PNG)


async def batch(app: App, which: list[int]) -> httpx.Response:
    body = files([mood(one) for one in which])
    return await app.client.post("/v1/models/moody/predict/batch", content=body, headers={"content-type": MULTIPART})


async def somebody_inside(app: App) -> None:
    while app.services.pipeline.admission.inside == 0:  # noqa: ASYNC110 - there is nothing to wait on
        await asyncio.sleep(0.001)


async def test_too_many_at_once_are_answered_or_told_when_to_come_back(start: Start) -> None:
    async with start(queue_capacity=4, max_batch=2) as app:
        await predict(app, GOOD)
        responses = await asyncio.gather(*(predict(app, SLOW) for _ in range(40)))
        assert Counter(response.status_code for response in responses) == {200: 4, 429: 36}
        for response in responses:
            if response.status_code == 429:
                assert_problem(response, 429, "full")
                assert 1 <= int(response.headers["retry-after"]) <= 10
        assert app.services.pipeline.admission.inside == 0
        assert (await predict(app, GOOD)).status_code == 200


async def test_a_batch_that_finds_no_room_for_all_is_refused_whole(start: Start) -> None:
    async with start(queue_capacity=8) as app:
        slow = asyncio.create_task(predict(app, SLOW))
        await somebody_inside(app)
        assert_problem(await batch(app, [GOOD] * 8), 429, "full")
        assert (await batch(app, [GOOD] * 7)).json()["summary"] == {"ok": 7, "failed": 0}
        assert (await slow).status_code == 200


async def test_what_takes_too_long_is_given_up_and_the_next_is_answered(start: Start) -> None:
    async with start(request_timeout_s=0.05, default_model="moody") as app:
        await app.services.fleet.lease(app.services.fleet.default)
        responses = await asyncio.gather(predict(app, SLOW), batch(app, [SLOW, GOOD]))
        for response in responses:
            assert_problem(response, 504, "deadline-passed")
        assert app.services.pipeline.admission.inside == 0
        async with asyncio.timeout(30):
            while (await predict(app, GOOD)).status_code != 200:
                pass  # the slow batch still occupies the engine


async def test_who_waits_behind_a_slow_batch_is_dropped_at_the_deadline(start: Start) -> None:
    async with start(request_timeout_s=0.05, max_batch=1, decode_threads=1, default_model="moody") as app:
        await app.services.fleet.lease(app.services.fleet.default)
        responses = await asyncio.gather(*(predict(app, which) for which in (SLOW, GOOD, GOOD)))
        assert [response.status_code for response in responses] == [504] * 3
        assert app.services.pipeline.admission.inside == 0


async def test_a_client_that_leaves_gives_its_permits_back_at_once(start: Start) -> None:
    async def leaves() -> AsyncIterator[Message]:
        yield piece(mood(SLOW), more=False)
        await somebody_inside(app)
        yield GONE

    async with start(max_batch=1) as app:
        for path in ("predict", "predict/batch"):
            response = await converse(app.app, f"/v1/models/moody/{path}", leaves(), content_type="image/png")
            assert_problem(response, 499, "client-left")
            assert app.services.pipeline.admission.inside == 0


def test_a_hundred_clients_that_leave_at_any_moment_harm_nobody(server: Server) -> None:
    chance = random.Random(7)  # noqa: S311 - repeatable, not secret
    errors = len(server.lines(level="error"))
    path = "/v1/models/moody/predict"
    sent = [request("POST", path, mood(which), content_type="image/png") for which in (SLOW, GOOD)]
    for number in range(100):
        whole = sent[number % 10 != 0]
        with connect(server.running.port) as connection:
            connection.send(whole[: chance.randrange(1, len(whole))] if chance.random() < 0.3 else whole)
            time.sleep(chance.random() * 0.02)
    status, answer = server.running.ask("POST", path, mood(GOOD), "image/png")
    assert (status, answer["label"]) == (200, "red")
    server.wait_for_metric("whatsit_permits_held", most=0)
    assert len(server.lines(level="error")) == errors


def test_many_clients_on_kept_connections_each_get_their_own_answers(server: Server) -> None:
    images = {colour: encode(solid(colour), "PNG") for colour in ("red", "green", "blue")}

    def ask(number: int) -> list[bool]:
        order = [("red", "green", "blue")[(number + turn) % 3] for turn in range(30)]
        with connect(server.running.port) as connection:
            right = []
            for colour in order:
                connection.send(request("POST", "/v1/predict", images[colour], content_type="image/png"))
                response = connection.response()
                right.append(response.status_code == 200 and json.loads(response.content)["label"] == colour)
            return right

    with ThreadPoolExecutor(12) as clients:
        assert all(right for rights in clients.map(ask, range(12)) for right in rights)


async def test_an_engine_that_hangs_is_replaced_and_only_those_inside_it_fail(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    async with start(run_timeout_s=0.2, default_model="moody", max_batch=1) as app:
        await app.services.fleet.lease(app.services.fleet.default)
        hanging, many = await asyncio.gather(predict(app, HANGS), batch(app, [GOOD, GOOD, HANGS, GOOD]))
        assert_problem(hanging, 500, "inference-failed")
        assert [result["status"] for result in many.json()["results"]] == ["ok", "ok", "error", "ok"]
        assert (await predict(app, GOOD)).status_code == 200
        assert await app.services.fleet.ready()
        assert app.services.pipeline.admission.inside == 0
    assert [record.model for record in caplog.records if record.message == "engine replaced"] == ["moody"] * 2


async def test_the_end_does_not_wait_for_an_engine_that_hangs(start: Start) -> None:
    async with start(run_timeout_s=0.1, request_timeout_s=0.05, default_model="moody") as app:
        await app.services.fleet.lease(app.services.fleet.default)
        assert_problem(await predict(app, HANGS), 504, "deadline-passed")
