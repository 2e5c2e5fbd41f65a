"""``predict/batch`` as lines, each as soon as its result is ready, and batches that come as one zip."""

import asyncio
import io
import json
import zipfile
from typing import Any

import httpx
import pytest

from tests.service.conftest import Start
from tests.service.support.apps import App
from tests.service.support.bodies import MULTIPART, files
from tests.service.support.moods import FAILS, GOOD, SLOW, mood
from tests.service.support.problems import assert_problem
from tests.service.support.process import Server
from tests.service.support.raw import connect, request
from tests.support.images import encode, solid

PATH, MOODY = "/v1/predict/batch", "/v1/models/moody/predict/batch"
LINES = {"content-type": MULTIPART, "accept": "application/x-ndjson"}
RED = encode(solid("red"), "PNG")


def zipped(*contents: bytes, name: str = "{}.png") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number, content in enumerate(contents):
            archive.writestr(name.format(number), content)
    return file.getvalue()


def read(response: httpx.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/x-ndjson"
    assert "content-length" not in response.headers
    return [json.loads(line) for line in response.text.splitlines()]


async def test_each_result_is_a_line_and_the_last_line_tells_of_all(app: App) -> None:
    *lines, last = read(await app.client.post(PATH, content=files([RED, b"no image", RED]), headers=LINES))
    assert sorted(line["index"] for line in lines) == [0, 1, 2]
    by_place = {line["index"]: line for line in lines}
    assert (by_place[0]["label"], by_place[0]["name"]) == ("red", "0.png")
    assert by_place[1]["error"]["status"] == 415
    assert last["summary"] == {"ok": 2, "failed": 1}
    assert last["model"] == {"name": "tiny", "version": 1, "alias": None}
    assert list(last) == ["id", "model", "summary"]
    assert app.services.pipeline.admission.inside == 0


async def test_the_lines_are_what_the_whole_answer_has(app: App) -> None:
    contents = [mood(GOOD), mood(FAILS), b"x"]
    whole = (await app.client.post(MOODY, content=files(contents), headers={"content-type": MULTIPART})).json()
    *lines, _ = read(await app.client.post(MOODY, content=files(contents), headers=LINES))
    assert [{**line, "timing_ms": 0} for line in sorted(lines, key=lambda line: line["index"])] == [
        {**result, "timing_ms": 0} for result in whole["results"]
    ]


def test_what_is_ready_is_sent_before_the_rest_is(server: Server) -> None:
    body = files([b"no image", mood(SLOW)])
    with connect(server.running.port) as connection:
        connection.send(request("POST", MOODY, body, content_type=MULTIPART, accept="application/x-ndjson"))
        head, first = connection.until(b"\r\n\r\n"), connection.until(b"}\n")
        assert b"200" in head.splitlines()[0]
        assert b'"index":0' in first
        assert server.metric("whatsit_permits_held") == 1
        assert b'"index":1' in connection.until(b"}\n")


def test_a_client_that_leaves_stops_what_was_not_begun(server: Server) -> None:
    with connect(server.running.port) as connection:
        body = files([b"no image", *[mood(SLOW)] * 60])
        connection.send(request("POST", MOODY, body, content_type=MULTIPART, accept="application/x-ndjson"))
        connection.until(b"}\n")
    server.wait_for_metric("whatsit_permits_held", most=0)
    assert server.wait_for_lines("request", problem="client-left", path=MOODY)


async def test_what_is_wrong_with_all_of_it_is_a_problem(app: App, start: Start) -> None:
    assert_problem(await app.client.post(PATH, content=b"", headers=LINES), 400, "malformed-request")
    async with start(queue_capacity=2) as small:
        with small.services.pipeline.admission.permits(1):
            full = await small.client.post(PATH, content=files([RED] * 2), headers=LINES)
            assert_problem(full, 429, "full")
        assert small.services.pipeline.admission.inside == 0


async def test_what_takes_too_long_is_told_and_given_up(start: Start) -> None:
    async with start(request_timeout_s=0.1) as app:
        *lines, last = read(await app.client.post(MOODY, content=files([b"x", *[mood(SLOW)] * 40]), headers=LINES))
        assert len(lines) == 41
        late = [line for line in lines if (line.get("error") or {}).get("status") == 504]
        assert late
        assert last["summary"]["failed"] >= 1 + len(late)
        async with asyncio.timeout(20):
            while app.services.pipeline.admission.inside:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_a_zip_is_a_batch(app: App) -> None:
    response = await app.client.post(PATH, content=zipped(RED, b"x", RED), headers={"content-type": "application/zip"})
    got = response.json()
    assert [(result["name"], result["status"]) for result in got["results"]] == [
        ("0.png", "ok"),
        ("1.png", "error"),
        ("2.png", "ok"),
    ]


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (zipped(*[RED] * 65), 413, "too-many-images"),
        (zipped(), 400, "malformed-request"),
        (b"PK\x03\x04nothing", 422, "archive-refused"),
        (RED, 422, "archive-refused"),
        (b"", 400, "malformed-request"),
    ],
)
async def test_zips_that_are_refused(app: App, body: bytes, status: int, kind: str) -> None:
    response = await app.client.post(PATH, content=body, headers={"content-type": "application/zip"})
    assert_problem(response, status, kind)
    assert "PK" not in response.text


async def test_names_in_a_zip_are_no_paths(app: App) -> None:
    body = zipped(RED, name="../../../etc/{}\n\x1b[31m.png")
    response = await app.client.post(PATH, content=body, headers={"content-type": "application/zip"})
    assert response.json()["results"][0]["name"] == "../../../etc/0\n\x1b[31m.png"
    assert b"\x1b" not in response.content
