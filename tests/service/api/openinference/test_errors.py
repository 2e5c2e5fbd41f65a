"""Every error under /v2 has the protocol's one shape, wherever it arises."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.types import Message

from service.api.openinference.errors import absent
from service.errors import Problem
from service.responses import shaped
from tests.service.api.openinference.support import INFER, LENGTH, assert_error, image_input, png
from tests.service.conftest import Start
from tests.service.support.apps import App
from tests.service.support.asgi import GONE, converse, piece
from tests.service.support.moods import SLOW, mood
from tests.service.support.process import Server
from tests.service.support.raw import connect, request

PROBLEM = Problem(418, "teapot", "A teapot", "it is short and stout")


@pytest.mark.parametrize(
    ("path", "theirs"),
    [
        *[("/v2", True), ("/v2/", True), ("/v2/models/a/infer", True)],
        *[("/v1/predict", False), ("/v22", False), ("/", False), ("", False), ("/x/v2/", False)],
    ],
)
def test_a_problem_has_the_shape_of_its_path(path: str, theirs: bool) -> None:
    body, content_type = shaped(PROBLEM, path, "id")
    assert (body == b'{"error":"it is short and stout"}') == theirs
    assert content_type == ("application/json" if theirs else "application/problem+json")


async def test_of_the_router(app: App) -> None:
    assert_error(await app.client.get("/v2/nothing"), 404, "GET is not answered here")
    assert_error(await app.client.get("/v2/"), 404)
    response = await app.client.get(INFER)
    assert_error(response, 405)
    assert response.headers["allow"] == "POST"


async def test_of_the_limits_around_the_app(start: Start) -> None:
    async def stops() -> AsyncIterator[Message]:
        yield piece(b"{")
        await asyncio.get_running_loop().create_future()

    async def gone() -> AsyncIterator[Message]:
        yield GONE

    limits = {"request_timeout_s": 0.05, "body_timeout_s": 0.05, "max_batch_bytes": 5000, "max_bodies_bytes": 4000}
    async with start(**limits) as app:
        assert_error(await app.client.post(INFER, content=bytes(5001)), 413, "larger than the 5,000 bytes")
        assert_error(await app.client.post(INFER, content=bytes(4001)), 429, "fill the memory")
        assert_error(await converse(app.app, INFER, stops()), 408, "did not arrive")
        assert_error(await converse(app.app, INFER, gone()), 499)
        response = await app.client.post("/v2/models/moody/infer", json={"inputs": [image_input(mood(SLOW))]})
        assert_error(response, 504)
        app.services.in_flight.draining = True
        assert_error(await app.client.get("/v2"), 503, "shutting down")
        assert_error(await app.client.get("/v2/health/ready"), 503, "shutting down")
        assert (await app.client.get("/v2/health/live")).json() == {"live": True}


async def test_a_full_service_says_when_to_come_again(start: Start) -> None:
    async with start(queue_capacity=2) as app:
        given = {"inputs": [image_input(png())]}
        with app.services.pipeline.admission.permits(2):
            response = await app.client.post(INFER, json=given)
            assert_error(response, 429)
            assert int(response.headers["retry-after"]) >= 1
        with app.services.pipeline.admission.permits(1):
            assert_error(await app.client.post(INFER, json={"inputs": [image_input(png(), png())]}), 429)
        assert (await app.client.post(INFER, json=given)).status_code == 200


async def test_what_cannot_be_answered_is_refused_before_the_body_is_read(app: App) -> None:
    read = []

    async def body() -> AsyncIterator[bytes]:
        read.append(1)
        yield b"x"

    assert_error(await app.client.post("/v2/models/nobody/infer", content=body()), 404, "no model 'nobody'")
    assert_error(await app.client.post(INFER, content=body(), headers={LENGTH: "x"}), 400)
    assert read == []


async def test_a_fault_of_our_own(app: App) -> None:
    app.services.pipeline.close()  # as a thread pool that died
    large = png() + bytes(20_000)  # a small one needs no thread
    response = await app.client.post(INFER, json={"inputs": [image_input(large)]})
    assert_error(response, 500, "the service failed")


def test_of_the_protocol_below(server: Server) -> None:
    with connect(server.running.port) as connection:
        connection.send(request("GET", "/v2/models/tiny", cookie="a" * 20_000))
        response = connection.response()
        assert (response.status_code, response.headers["content-type"]) == (431, "application/json")
        assert response.content == b'{"error":"the request\'s headers are larger than accepted"}'
    with connect(server.running.port) as connection:
        head = f"POST {INFER} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n"
        connection.send(head.encode() + b"no chunk\r\n")
        response = connection.response()
        assert (response.status_code, response.headers["content-type"]) == (400, "application/json")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/v2/trace/setting", "tracing"),
        ("/v2/models/tiny/trace/setting", "tracing"),
        ("/v2/logging", "log_level"),
        ("/v2/systemsharedmemory/status", "shared memory"),
        ("/v2/cudasharedmemory/region/a/register", "shared memory"),
    ],
)
def test_what_is_not_offered_is_told_with_a_reason(path: str, words: str) -> None:
    assert words in (absent(path) or "")


@pytest.mark.parametrize("path", ["/v2/models/trace", "/v2/models/logging/stat", "/v1/trace", "/v2", "/v2/traces"])
def test_other_paths_have_none(path: str) -> None:
    assert absent(path) is None
