"""The two ways to ``predict``, past ASGI and FastAPI and through them, answer alike."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from starlette.types import Message, Receive, Scope

from service.direct import Direct
from service.observability.logs import FIELDS
from service.schemas import BatchResponse, PredictResponse
from tests.service.conftest import Start
from tests.service.support.apps import App
from tests.service.support.asgi import piece
from tests.service.support.bodies import MULTIPART, files, json_image, multipart, part
from tests.service.support.moods import FAILS, GOOD, SLOW, mood
from tests.support.images import encode, solid

RED = encode(solid("red"), "PNG")
PNG = "image/png"


def without_chance(answer: Mapping[str, Any]) -> dict[str, Any]:
    """All but what no two answers share."""
    told = {name: value for name, value in answer.items() if name not in {"id", "request_id", "timing_ms"}}
    return told | {"results": [without_chance(result) for result in answer.get("results", ())]}


def scope_of(path: str, kind: str = PNG, method: str = "POST", query: bytes = b"") -> Scope:
    headers = [(b"content-type", kind.encode()), (b"x-request-id", b"mine")]
    return {"type": "http", "method": method, "path": path, "query_string": query, "headers": headers}


async def never() -> Message:
    raise AssertionError("it is whole")


async def answer(app: App, path: str, content: bytes, kind: str = PNG) -> httpx.Response:
    """What is answered directly, as a client reads it."""
    reply = await Direct(app.services).answer(scope_of(path, kind), never, content)
    headers = [tuple(line.split(b": ", 1)) for line in reply.headers.removesuffix(b"\r\n").split(b"\r\n")]
    return httpx.Response(reply.status, headers=headers, content=reply.body)


@pytest.mark.parametrize(
    ("path", "content", "kind", "status"),
    [
        pytest.param("/v1/predict", RED, PNG, 200, id="the default model"),
        pytest.param("/v1/models/tiny/predict", RED, PNG, 200, id="a model"),
        pytest.param("/v1/models/tiny@1/predict", RED, PNG, 200, id="a version"),
        pytest.param("/v1/predict", multipart(part(RED)), MULTIPART, 200, id="a form"),
        pytest.param("/v1/predict", json_image(RED), "application/json", 200, id="an object"),
        pytest.param("/v1/predict/batch", files([RED, RED[:40]]), MULTIPART, 200, id="a batch"),
        pytest.param("/v1/models/moody/predict/batch", files([mood(GOOD), mood(FAILS)]), MULTIPART, 200, id="a fault"),
        pytest.param("/v1/models/tiny/predict/batch", b"", MULTIPART, 400, id="an empty batch"),
        pytest.param("/v1/models/moody/predict", mood(GOOD), PNG, 200, id="another model"),
        pytest.param("/v1/models/moody/predict", mood(FAILS), PNG, 500, id="a failing graph"),
        pytest.param("/v1/models/nobody/predict", RED, PNG, 404, id="no such model"),
        pytest.param("/v1/models/tiny@9/predict", RED, PNG, 404, id="no such version"),
        pytest.param("/v1/models/-/predict", RED, PNG, 400, id="no ref"),
        pytest.param("/v1/predict", b"", PNG, 400, id="nothing"),
        pytest.param("/v1/predict", RED[:40], PNG, 422, id="half an image"),
        pytest.param("/v1/predict", b"not an image", PNG, 415, id="no image"),
        pytest.param("/v1/predict", RED, "text/plain", 415, id="a text"),
    ],
)
async def test_both_ways_answer_alike(app: App, path: str, content: bytes, kind: str, status: int) -> None:
    headers = {"content-type": kind, "x-request-id": "mine"}
    direct = await answer(app, path, content, kind)
    long = await app.client.post(path, content=content, headers=headers)
    assert (direct.status_code, long.status_code) == (status, status)
    assert without_chance(direct.json()) == without_chance(long.json())
    assert sorted(direct.headers) == sorted(long.headers)
    assert direct.headers["content-type"] == long.headers["content-type"]
    assert direct.headers["x-request-id"] == long.headers["x-request-id"] == "mine"


async def test_both_are_counted_and_logged_alike(app: App, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "whatsit.request")
    for content in (RED, b"not an image"):
        await answer(app, "/v1/predict", content)
        await app.client.post("/v1/predict", content=content, headers={"content-type": PNG, "x-request-id": "mine"})
    lines = [vars(record)[FIELDS] | {"ms": 0} for record in caplog.records]
    assert lines[0] == lines[1] != lines[2] == lines[3]
    for status in (200, 415):
        labels = f'method="POST",route="/v1/predict",status="{status}"'
        assert await app.metric(f"whatsit_requests_total{{{labels}}}") == 2
    assert await app.metric('whatsit_errors_total{type="unsupported-format"}') == 2
    assert await app.metric('whatsit_request_seconds_count{route="/v1/predict"}') == 4
    assert app.services.in_flight.requests == 0


async def test_a_full_service_refuses_both(start: Start) -> None:
    async with start(queue_capacity=1) as app:
        with app.services.pipeline.admission.permits(1):
            direct = await answer(app, "/v1/predict", RED)
            long = await app.client.post("/v1/predict", content=RED, headers={"content-type": PNG})
    assert direct.status_code == long.status_code == 429
    assert direct.headers["retry-after"] == long.headers["retry-after"]


async def test_what_nobody_foresaw_is_a_plain_500(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(ref: object) -> None:
        raise LookupError("a secret of the house")

    monkeypatch.setattr(app.services.fleet, "lease", broken)
    response = await answer(app, "/v1/predict", RED)
    assert response.status_code == 500
    assert response.json()["request_id"] == "mine"
    assert "secret" not in response.text


@pytest.mark.parametrize("draining", [True, False])
async def test_what_is_cut_off_is_told_so_by_a_server_that_ends(start: Start, draining: bool) -> None:
    async with start() as app:
        task = asyncio.create_task(answer(app, "/v1/models/moody/predict", mood(SLOW)))
        await asyncio.sleep(0.05)
        app.services.in_flight.draining = draining
        task.cancel()
        if draining:
            assert (await task).status_code == 503
        else:
            with pytest.raises(asyncio.CancelledError):
                await task
        assert app.services.in_flight.requests == 0


@pytest.mark.parametrize(
    ("method", "path", "query", "taken"),
    [
        ("POST", "/v1/predict", b"", True),
        ("POST", "/v1/models/tiny/predict", b"", True),
        ("POST", "/v1/models/tiny@1/predict", b"", True),
        ("POST", "/v1/predict", b"top_k=2", False),
        ("GET", "/v1/predict", b"", False),
        ("POST", "/v1/predict/batch", b"", True),
        ("POST", "/v1/models/tiny/predict/batch", b"", True),
        ("POST", "/v1/models/tiny/predict/batches", b"", False),
        ("POST", "/v1/models/a/b/predict", b"", False),
        ("POST", "/v1/models//predict", b"", False),
        ("POST", "/v1/models/tiny/predict/", b"", False),
        ("POST", "/v1/models/predict", b"", False),
        ("POST", "/v1/predictable", b"", False),
    ],
)
async def test_only_the_plain_request_is_taken(app: App, method: str, path: str, query: bytes, taken: bool) -> None:
    assert Direct(app.services).takes(scope_of(path, PNG, method, query)) == taken


async def test_nor_is_one_that_comes_too_late(app: App) -> None:
    direct, scope = Direct(app.services), scope_of("/v1/predict")
    assert direct.takes(scope)
    app.services.in_flight.draining = True
    assert not direct.takes(scope)


@pytest.mark.parametrize("pieces", [[RED], [RED[:9], b"", RED[9:]], [b"", RED]])
async def test_a_body_may_come_in_pieces(app: App, pieces: list[bytes]) -> None:
    reply = await Direct(app.services).answer(scope_of("/v1/predict"), arriving(pieces), None)
    assert reply.status == 200
    assert app.services.bodies.held == 0


@pytest.mark.parametrize("whole", [True, False])
async def test_a_body_that_is_too_large_is_refused_however_it_comes(start: Start, whole: bool) -> None:
    body = bytes(100_000)
    async with start(max_image_bytes=100) as app:
        given = body if whole else None
        reply = await Direct(app.services).answer(scope_of("/v1/predict"), arriving([body[:9], body[9:]]), given)
        assert reply.status == 413
        assert b"body-too-large" in reply.body
        assert app.services.bodies.held == 0


async def test_a_client_that_leaves_in_the_middle_is_noted_as_that(app: App, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "whatsit.request")

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    assert (await Direct(app.services).answer(scope_of("/v1/predict"), gone, None)).status == 499
    assert vars(caplog.records[-1])[FIELDS]["problem"] == "client-left"


def arriving(pieces: list[bytes]) -> Receive:
    left = [piece(each) for each in pieces]
    left[-1]["more_body"] = False

    async def receive() -> Message:
        return left.pop(0)

    return receive


async def test_answers_are_what_the_schemas_say(app: App) -> None:
    one = await app.client.post("/v1/predict", content=RED, headers={"content-type": PNG})
    assert PredictResponse.model_validate_json(one.content).model_dump(mode="json") == one.json()
    batch = await app.client.post("/v1/predict/batch", content=files([RED, b"x"]), headers={"content-type": MULTIPART})
    assert BatchResponse.model_validate_json(batch.content).model_dump(mode="json") == batch.json()
