"""The two ways to ``predict``, past FastAPI and through it, answer alike."""

from collections.abc import Mapping
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from service.deps import Services
from service.schemas import BatchResponse, PredictResponse
from service.shortcut import Shortcut
from tests.service.support.apps import App
from tests.service.support.bodies import MULTIPART, files
from tests.service.support.moods import FAILS, GOOD, mood
from tests.support.images import encode, solid

RED = encode(solid("red"), "PNG")
PNG = "image/png"


def without_chance(answer: Mapping[str, Any]) -> dict[str, Any]:
    """All but what no two answers share."""
    return {name: value for name, value in answer.items() if name not in {"id", "request_id", "timing_ms"}}


@pytest.mark.parametrize(
    ("path", "content", "kind", "status"),
    [
        pytest.param("/v1/predict", RED, PNG, 200, id="the default model"),
        pytest.param("/v1/models/tiny/predict", RED, PNG, 200, id="a model"),
        pytest.param("/v1/models/tiny@1/predict", RED, PNG, 200, id="a version"),
        pytest.param("/v1/models/moody/predict", mood(GOOD), PNG, 200, id="another model"),
        pytest.param("/v1/models/moody/predict", mood(FAILS), PNG, 500, id="a failing graph"),
        pytest.param("/v1/models/nobody/predict", RED, PNG, 404, id="no such model"),
        pytest.param("/v1/models/tiny@9/predict", RED, PNG, 404, id="no such version"),
        pytest.param("/v1/models/-/predict", RED, PNG, 400, id="no ref"),
        pytest.param("/v1/models//predict", RED, PNG, 404, id="an empty ref"),
        pytest.param("/v1/models/tiny/predict/", RED, PNG, 404, id="another path"),
        pytest.param("/v1/predict", b"", PNG, 400, id="nothing"),
        pytest.param("/v1/predict", RED[:40], PNG, 422, id="half an image"),
        pytest.param("/v1/predict", b"not an image", PNG, 415, id="no image"),
        pytest.param("/v1/predict", RED, "text/plain", 415, id="a text"),
    ],
)
async def test_both_ways_answer_alike(app: App, path: str, content: bytes, kind: str, status: int) -> None:
    headers = {"content-type": kind}
    short = await app.client.post(path, content=content, headers=headers)
    long = await app.client.post(f"{path}?top_k=5", content=content, headers=headers)
    assert (short.status_code, long.status_code) == (status, status)
    assert without_chance(short.json()) == without_chance(long.json())
    assert short.headers["content-type"] == long.headers["content-type"]


@pytest.mark.parametrize(
    ("method", "path", "query", "short"),
    [
        ("POST", "/v1/predict", b"", True),
        ("POST", "/v1/models/tiny/predict", b"", True),
        ("POST", "/v1/models/tiny@1/predict", b"", True),
        ("POST", "/v1/predict", b"top_k=2", False),
        ("GET", "/v1/predict", b"", False),
        ("POST", "/v1/predict/batch", b"", False),
        ("POST", "/v1/models/a/b/predict", b"", False),
        ("POST", "/v1/models/predict", b"", False),
        ("POST", "/v1/predictable", b"", False),
    ],
)
async def test_only_the_plain_request_takes_the_short_way(
    app: App, method: str, path: str, query: bytes, short: bool
) -> None:
    went_on = []

    async def fastapi(scope: Scope, receive: Receive, send: Send) -> None:
        went_on.append(scope["path"])

    async def nothing() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: object) -> None:
        assert short

    services: Services = app.services
    scope: Scope = {"type": "http", "method": method, "path": path, "query_string": query, "headers": []}
    scope["state"] = {"request_id": "x", "noted": {}}
    await Shortcut(fastapi, services)(scope, nothing, send)
    assert went_on == ([] if short else [path])


async def test_answers_are_what_the_schemas_say(app: App) -> None:
    one = await app.client.post("/v1/predict", content=RED, headers={"content-type": PNG})
    assert PredictResponse.model_validate_json(one.content).model_dump(mode="json") == one.json()
    batch = await app.client.post("/v1/predict/batch", content=files([RED, b"x"]), headers={"content-type": MULTIPART})
    assert BatchResponse.model_validate_json(batch.content).model_dump(mode="json") == batch.json()
