"""Compressed bodies: what is taken, what is refused, and how much memory they may take."""

import gzip
import json
import zlib

import pytest

from tests.service.api.openinference.support import INFER, assert_error, outputs, pixel_input
from tests.service.conftest import Start
from tests.service.support.apps import App

BODY = json.dumps({"inputs": [pixel_input()]}).encode()
GZIP = {"content-encoding": "gzip"}


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(BODY)),
        ("GZip ", gzip.compress(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("identity", BODY),
        ("", BODY),
    ],
)
async def test_what_is_taken(app: App, encoding: str, body: bytes) -> None:
    outputs(await app.client.post(INFER, content=body, headers={b"content-encoding": encoding.encode()}))


async def test_what_is_not(app: App) -> None:
    for encoding in ("br", "gzip, gzip", "zstd"):
        response = await app.client.post(INFER, content=BODY, headers={"content-encoding": encoding})
        assert_error(response, 415, f"the content encoding {encoding} is not taken")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "cut short"),
        (BODY, "not what its content encoding says"),
        (gzip.compress(BODY)[:-1], "cut short"),
        (gzip.compress(BODY)[:20], "cut short"),
        (gzip.compress(BODY)[:-5] + b"12345", "not what its content encoding says"),
        (gzip.compress(BODY) + b"x", "follows the end"),
        (gzip.compress(BODY) + gzip.compress(BODY), "follows the end"),
        (gzip.compress(BODY) + bytes(100_000), "follows the end"),
    ],
)
async def test_broken_bodies(app: App, body: bytes, words: str) -> None:
    assert_error(await app.client.post(INFER, content=body, headers=GZIP), 400, words)
    assert app.services.bodies.held == 0


async def test_a_bomb_is_stopped_where_the_path_takes_no_more(start: Start) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    assert len(bomb) < 50_000
    async with start(max_batch_bytes=2_000_000) as app:
        response = await app.client.post(INFER, content=bomb, headers=GZIP)
        assert_error(response, 413, "inflates to more than the 2,000,000 bytes")
        assert app.services.bodies.held == 0


async def test_bombs_together_take_no_more_memory_than_bodies_may(start: Start) -> None:
    async with start(max_bodies_bytes=2_000_000) as app:
        response = await app.client.post(INFER, content=gzip.compress(bytes(3_000_000)), headers=GZIP)
        assert_error(response, 429, "fill the memory")
        assert app.services.bodies.held == 0


@pytest.mark.parametrize("size", [(1 << 20) - 200, 1 << 20, 3 << 20])
async def test_bodies_of_many_pieces_come_whole(app: App, size: int) -> None:
    body = json.dumps({"inputs": [pixel_input()], "id": "a" * size}).encode()
    response = await app.client.post(INFER, content=zlib.compress(body), headers={"content-encoding": "deflate"})
    assert len(response.json()["id"]) == size


@pytest.mark.parametrize(
    ("accepted", "given"),
    [
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("deflate, gzip;q=0.5", "gzip"),
        ("br, GZIP", "gzip"),
        ("gzip;q=0, deflate", "deflate"),
        ("gzip; q=0.000", None),
        ("br", None),
        ("identity", None),
        ("", None),
    ],
)
async def test_answers_are_compressed_as_is_asked(app: App, accepted: str, given: str | None) -> None:
    body = json.dumps({"inputs": [pixel_input()], "id": "a" * 1000})
    response = await app.client.post(INFER, content=body, headers={"accept-encoding": accepted})
    assert response.headers.get("content-encoding") == given
    assert len(response.json()["id"]) == 1000
    assert (int(response.headers["content-length"]) < 1000) == (given is not None)


async def test_what_is_small_or_no_inference_is_not_compressed(app: App) -> None:
    headers = {"accept-encoding": "gzip"}
    for method, path, body in (
        *[("GET", "/v2/models/tiny", b""), ("POST", "/v2/repository/index", b""), ("POST", INFER, BODY)],
        *[("GET", "/v2/models/stats", b""), ("POST", INFER, b"{")],
    ):
        response = await app.client.request(method, path, content=body, headers=headers)
        assert "content-encoding" not in response.headers
