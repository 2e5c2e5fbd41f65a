"""``predict/batch``: each image by itself, in the order sent."""

import asyncio

import httpx
import pytest

from service.settings import Settings
from tests.service.conftest import Start
from tests.service.support.apps import App
from tests.service.support.bodies import MULTIPART, files, json_images, multipart, part
from tests.service.support.moods import FAILS, GOOD, NONSENSE, mood
from tests.service.support.problems import assert_discreet, assert_problem
from tests.support.images import encode, solid

PATH = "/v1/models/tiny/predict/batch"
COLOURS = ["red", "green", "blue"]


def images(count: int) -> list[bytes]:
    return [encode(solid(COLOURS[number % 3]), "PNG") for number in range(count)]


async def batch(app: App, contents: list[bytes], path: str = PATH, *, json: bool = False) -> httpx.Response:
    content_type, body = ("application/json", json_images(contents)) if json else (MULTIPART, files(contents))
    return await app.client.post(path, content=body, headers={"content-type": content_type})


@pytest.mark.parametrize("json", [False, True])
async def test_images_are_answered_in_the_order_sent(app: App, json: bool) -> None:
    got = (await batch(app, images(20), json=json)).json()
    assert list(got) == ["id", "model", "results", "summary"]
    assert got["model"] == {"name": "tiny", "version": 1, "alias": None}
    assert got["summary"] == {"ok": 20, "failed": 0}
    assert [result["index"] for result in got["results"]] == list(range(20))
    assert [result["label"] for result in got["results"]] == [COLOURS[number % 3] for number in range(20)]
    assert [result["name"] for result in got["results"]] == [None if json else f"{n}.png" for n in range(20)]


async def test_an_entry_has_the_members_of_the_contract_in_their_order(app: App) -> None:
    good, bad = (await batch(app, [images(1)[0], b"no image"])).json()["results"]
    answered = ["label", "score", "decision", "candidates", "predictions", "image", "timing_ms"]
    assert list(good) == ["index", "name", "status", *answered]
    assert (good["status"], bad["status"]) == ("ok", "error")
    assert list(bad) == ["index", "name", "status", "error"]
    assert list(bad["error"]) == ["type", "title", "status", "detail"]


async def test_one_broken_image_among_31_good_ones_fails_alone(app: App) -> None:
    contents = images(32)
    contents[17] = contents[17][:40]
    got = (await batch(app, contents)).json()
    assert got["summary"] == {"ok": 31, "failed": 1}
    assert [result["status"] for result in got["results"]] == ["ok"] * 17 + ["error"] + ["ok"] * 14
    assert [result.get("label") for result in got["results"][18:]] == [COLOURS[n % 3] for n in range(18, 32)]
    assert got["results"][17]["error"]["status"] == 422


async def test_each_failure_has_its_own_kind(start: Start) -> None:
    contents = [b"", b"text", mood(GOOD), mood(GOOD)[:40], mood(FAILS), mood(NONSENSE), bytes(3000), mood(GOOD)]
    async with start(max_image_bytes=2000) as app:
        response = await batch(app, contents, "/v1/models/moody/predict/batch")
    got = response.json()
    kinds = [(result.get("error") or {}).get("type", "").rpartition(":")[2] for result in got["results"]]
    inference = "inference-failed"
    undecodable = "undecodable-image"
    assert kinds == [undecodable, "unsupported-format", "", undecodable, inference, inference, "image-too-large", ""]
    assert got["summary"] == {"ok": 2, "failed": 6}
    assert_discreet(response.content)


async def test_a_batch_of_nothing_but_failures_is_still_answered(app: App) -> None:
    response = await batch(app, [b"x"] * 3)
    assert (response.status_code, response.json()["summary"]) == (200, {"ok": 0, "failed": 3})


@pytest.mark.parametrize("json", [False, True])
async def test_as_many_as_there_may_be_and_one_more(app: App, json: bool) -> None:
    assert (await batch(app, images(64), json=json)).json()["summary"] == {"ok": 64, "failed": 0}
    assert_problem(await batch(app, images(65), json=json), 413, "too-many-images")


async def test_names_are_given_back_as_they_were(app: App) -> None:
    names = ["cat.jpg", "../../etc/passwd", "Kätzchen 猫", 'a\\"b', "\x1b[31m", "<script>", ""]
    parts = [part(images(1)[0], f'form-data; name="files"; filename="{name}"') for name in names]
    response = await app.client.post(PATH, content=multipart(*parts), headers={"content-type": MULTIPART})
    assert [result["name"] for result in response.json()["results"]] == [name.replace('\\"', '"') for name in names]
    assert b"\x1b" not in response.content


async def test_top_k_counts_for_each(app: App) -> None:
    got = (await batch(app, images(3), PATH + "?top_k=1")).json()
    assert [len(result["predictions"]) for result in got["results"]] == [1, 1, 1]


async def test_a_batch_is_run_in_batches(app: App) -> None:
    await batch(app, images(64))
    assert await app.metric("whatsit_batch_images_count") == 64
    assert await app.metric('whatsit_batch_images_bucket{le="1.0"}') <= 8
    assert await app.metric('whatsit_batch_images_bucket{le="32.0"}') == 64


async def test_an_unknown_model_is_no_matter_of_single_images(app: App) -> None:
    assert_problem(await batch(app, images(2), "/v1/models/nothing/predict/batch"), 404, "not-found")


async def test_batches_at_once_do_not_mix(app: App, settings: Settings) -> None:
    sent = [[encode(solid(colour), "PNG")] * 10 for colour in COLOURS * 4]
    responses = await asyncio.gather(*(batch(app, contents, "/v1/predict/batch") for contents in sent))
    for colour, response in zip(COLOURS * 4, responses, strict=True):
        assert {result["label"] for result in response.json()["results"]} == {colour}
