"""What the app answers to keys, on both ways of a request."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import httpx
import pytest
from fastapi import Request
from starlette.types import Message

from service.direct import Direct
from service.keys.file import KeyFile
from service.observability.logs import FIELDS
from tests.service.conftest import Start
from tests.service.support.apps import App
from tests.service.support.asgi import converse, piece
from tests.service.support.keys import FILE, UNKNOWN, bearer, id_of, make_key
from tests.service.support.problems import assert_problem
from tests.service.test_direct import never, without_chance
from tests.support.images import encode, solid

RED = encode(solid("red"), "PNG")
PNG = {"content-type": "image/png"}
pytestmark = pytest.mark.usefixtures("seen_at_once")


def _bytes(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]


async def long_way(app: App, headers: Mapping[str, str], body: bytes = RED) -> httpx.Response:
    return await app.client.post("/v1/predict", content=body, headers=_bytes({**PNG, **headers}))


async def direct_way(app: App, headers: Mapping[str, str], body: bytes = RED) -> httpx.Response:
    scope = {"type": "http", "method": "POST", "path": "/v1/predict", "query_string": b""}
    scope["headers"] = [(name.lower(), value) for name, value in _bytes({**PNG, **headers})]
    direct = Direct(app.services)
    assert direct.takes(scope)
    reply = await direct.answer(scope, never, body)
    lines = [line.split(b": ", 1) for line in reply.headers.removesuffix(b"\r\n").split(b"\r\n")]
    return httpx.Response(reply.status, headers=[(name, value) for name, value in lines], content=reply.body)


Ask = Callable[[App, Mapping[str, str]], Awaitable[httpx.Response]]
WAYS = pytest.mark.parametrize("ask", [long_way, direct_way])


NO_KEYS: list[dict[str, str]] = [
    *[{}, {"x-api-key": UNKNOWN}, {"x-api-key": ""}, {"cookie": UNKNOWN}],
    *[{"authorization": UNKNOWN}, {"authorization": f"Basic {UNKNOWN}"}],
    *[bearer(text) for text in (UNKNOWN, "", "whatsit_\xff")],
]


@WAYS
async def test_a_key_opens(app: App, ask: Ask) -> None:
    text = make_key()["authorization"].removeprefix("Bearer ")
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert (await ask(app, {"authorization": f"{scheme} {text}"})).status_code == 200
    for name in ("x-api-key", "X-API-Key"):
        assert (await ask(app, {name: text})).status_code == 200


@WAYS
async def test_nothing_else_does(app: App, ask: Ask) -> None:
    make_key()
    for header in NO_KEYS:
        response = await ask(app, header)
        assert_problem(response, 401, "unauthenticated")
        assert response.headers["www-authenticate"] == "Bearer"


async def test_the_secret_of_another_does_not_either(app: App) -> None:
    one, other = make_key()["authorization"], make_key()["authorization"]
    mixed = f"{one.rpartition('_')[0]}_{other.rpartition('_')[2]}"
    assert_problem(await long_way(app, {"authorization": mixed}), 401, "unauthenticated")


async def test_a_key_beside_what_a_proxy_put_there_for_itself(app: App) -> None:
    text = make_key()["authorization"].removeprefix("Bearer ")
    assert (await long_way(app, {"authorization": "Basic abc", "x-api-key": text})).status_code == 200


@pytest.mark.parametrize("header", [{}, bearer(UNKNOWN)])
async def test_both_ways_refuse_alike(app: App, header: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    make_key()
    caplog.set_level(logging.INFO, "whatsit.request")
    long, direct = await long_way(app, header), await direct_way(app, header)
    assert without_chance(long.json()) == without_chance(direct.json())
    assert sorted(long.headers) == sorted(direct.headers)
    lines = [vars(record)[FIELDS] | {"ms": 0, "id": ""} for record in caplog.records]
    assert lines[0] == lines[1]


@WAYS
async def test_the_log_tells_the_id_and_never_the_secret(app: App, ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    header = make_key()
    for sent in (header, bearer(UNKNOWN)):
        await ask(app, sent)
    lines = [vars(record)[FIELDS] for record in caplog.records if record.message == "request"]
    assert [line["key"] for line in lines] == [id_of(header), id_of(bearer(UNKNOWN))]
    assert header["authorization"].rpartition("_")[2] not in str([vars(record) for record in caplog.records])


async def test_nothing_of_the_body_is_read_before(app: App) -> None:
    make_key()

    async def unread() -> AsyncIterator[Message]:
        raise AssertionError("it was read")
        yield piece(b"")

    response = await converse(app.app, "/v1/predict", unread(), content_length="100000000", content_type="image/png")
    assert_problem(response, 401, "unauthenticated")
    assert app.services.bodies.held == 0


@WAYS
async def test_another_scope_is_not_enough(app: App, ask: Ask) -> None:
    members = assert_problem(await ask(app, make_key("jobs", "admin")), 403, "scope-missing")
    assert "scope predict" in members["detail"]
    assert "jobs, admin" in members["detail"]
    assert (await ask(app, make_key("jobs", "predict"))).status_code == 200


@WAYS
async def test_a_rate_is_kept(app: App, ask: Ask) -> None:
    header, other = make_key(rate="3/day"), make_key()
    assert [(await ask(app, header)).status_code for _ in range(3)] == [200] * 3
    response = await ask(app, header)
    assert_problem(response, 429, "rate-exceeded")
    assert 1 <= int(response.headers["retry-after"]) <= 86_400
    assert (await ask(app, other)).status_code == 200


async def test_a_rate_counts_whatever_is_asked_and_by_whichever_way(app: App) -> None:
    header = make_key(rate="4/day")
    answers = [
        await long_way(app, header),
        await direct_way(app, header),
        await app.client.get("/v1/models", headers=header),
        await app.client.put("/v1/models/tiny/aliases/production", headers=header),
        await app.client.get("/v1/models", headers=header),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 403, 429]


async def test_who_comes_in_is_known_to_the_routes(app: App) -> None:
    seen = []

    async def look(request: Request) -> None:
        seen.append(request.scope["state"]["key"])

    app.app.add_api_route("/v1/jobs", look, methods=["HEAD"])
    await app.client.head("/v1/jobs")
    header = make_key("jobs")
    await app.client.head("/v1/jobs", headers=header)
    assert seen == [None, id_of(header)]


async def test_a_refusal_keeps_the_connection(app: App) -> None:
    make_key()
    assert "connection" not in (await long_way(app, {})).headers


async def test_who_is_refused_is_counted(app: App) -> None:
    header = make_key()
    for sent in ({}, bearer(UNKNOWN), header):
        await app.client.put("/v1/models", headers=sent)
    metrics = (await app.client.get("/metrics", headers=header)).text
    assert 'whatsit_errors_total{type="unauthenticated"} 2.0' in metrics
    assert 'whatsit_errors_total{type="scope-missing"} 1.0' in metrics


async def test_v2_refuses_in_its_own_shape(app: App) -> None:
    make_key()
    response = await app.client.get("/v2/models/tiny")
    assert (response.status_code, list(response.json())) == (401, ["error"])
    assert response.headers["www-authenticate"] == "Bearer"


async def test_while_draining_a_key_is_still_needed(app: App) -> None:
    make_key()
    app.services.in_flight.draining = True
    for path in ("/metrics", "/v1/models"):
        assert_problem(await app.client.get(path), 401, "unauthenticated")


async def test_an_address_that_others_reach_needs_keys_even_without_a_file(start: Start) -> None:
    async with start(host="0.0.0.0") as app:  # noqa: S104
        assert_problem(await long_way(app, {}), 401, "unauthenticated")
        assert (await app.client.get("/health/live")).status_code == 200


async def test_revoking_the_last_key_opens_nothing(start: Start) -> None:
    header = make_key()
    KeyFile(FILE).revoke(id_of(header))
    async with start() as app:
        for sent in ({}, header):
            assert_problem(await long_way(app, sent), 401, "unauthenticated")
