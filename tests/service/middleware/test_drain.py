"""While draining, new work is refused on every path but those that operators watch."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.types import Message

from tests.service.support.apps import App
from tests.service.support.asgi import converse, piece
from tests.service.support.problems import assert_problem
from tests.support.images import encode, solid

RED = encode(solid("red"), "PNG")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/predict"),
        ("GET", "/v1/models"),
        ("GET", "/health/ready"),
        ("GET", "/nothing"),
        ("PUT", "/metrics/"),
    ],
)
async def test_new_work_is_refused(app: App, method: str, path: str) -> None:
    app.services.in_flight.draining = True
    response = await app.client.request(method, path, headers={"x-request-id": "mine"})
    assert assert_problem(response, 503, "draining")["request_id"] == "mine"
    assert response.headers["connection"] == "close"
    assert app.services.in_flight.requests == 0


async def test_a_refusal_is_counted_and_its_kind_logged(app: App, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    app.services.in_flight.draining = True
    await app.client.get("/v1/models")
    assert await app.metric('whatsit_errors_total{type="draining"}') == 1
    assert [record.fields["problem"] for record in caplog.records if record.message == "request"] == ["draining"]


@pytest.mark.parametrize("path", ["/health/live", "/metrics"])
async def test_who_watches_is_still_answered(app: App, path: str) -> None:
    app.services.in_flight.draining = True
    assert (await app.client.get(path)).status_code == 200


async def test_what_was_inside_before_is_answered_and_counted(app: App) -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[Message]:
        yield piece(RED[:10])
        entered.set()
        await go_on.wait()
        yield piece(RED[10:], more=False)

    inside = asyncio.create_task(converse(app.app, "/v1/predict", slowly(), content_type="image/png"))
    await entered.wait()
    app.services.in_flight.draining = True
    assert app.services.in_flight.requests == 1
    go_on.set()
    assert (await inside).status_code == 200
    assert app.services.in_flight.requests == 0
