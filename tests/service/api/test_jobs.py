"""``jobs``: accepted once, scored in order, fetched in pieces, stopped, and removed; on both databases."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr

from tests.service.conftest import Start
from tests.service.jobs.support import COLOURS, images, tarred, zipped
from tests.service.keys.conftest import seen_at_once
from tests.service.support.apps import App
from tests.service.support.bodies import MULTIPART, files, json_images
from tests.service.support.keys import make_key
from tests.service.support.moods import FAILS, GOOD, NONSENSE, SLOW, mood, moody_graph
from tests.service.support.problems import assert_problem
from tests.support.bundles import publish_tiny

__all__ = ["seen_at_once"]

ZIP = {"content-type": "application/zip"}
Row = dict[str, Any]


@pytest.fixture
async def jobs(start: Start) -> AsyncIterator[App]:
    """An app with an input store."""
    async with start(jobs_input=str(Path.cwd() / "inputs")) as app:
        yield app


@pytest.fixture
async def either(start: Start, database_url: str | None) -> AsyncIterator[App]:
    """An app with SQLite, or with PostgreSQL."""
    async with start(database_url=database_url and SecretStr(database_url)) as app:
        yield app


async def send(app: App, body: bytes, query: str = "", kind: str = "application/zip", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await app.client.post(f"/v1/jobs{query}", content=body, headers={"content-type": kind, **named})


async def ended(app: App, response: httpx.Response, headers: Mapping[str, str] | None = None) -> Row:
    """What became of a job that was sent."""
    assert response.status_code == 202, response.text
    job: Row = response.json()
    assert response.headers["location"] == f"/v1/jobs/{job['id']}"
    shown = await app.client.get(f"/v1/jobs/{job['id']}?wait=30", headers=headers)
    assert shown.status_code == 200
    told: Row = shown.json()
    return told


async def download(app: App, job: Row, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await app.client.get(f"/v1/jobs/{job['id']}/results", headers=named)


async def rows(app: App, job: Row) -> list[Row]:
    response = await download(app, job)
    assert response.status_code == 200, response.text
    return [json.loads(line) for line in response.text.splitlines()]


def folders() -> list[str]:
    """Those of jobs."""
    return [path.name for path in Path("jobs").glob("*") if path.is_dir()]


def without_times(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "timing_ms"}


async def test_a_zip_is_scored_like_a_batch(either: App) -> None:
    contents = [*images(50), b"no image", *images(49)]
    response = await send(either, zipped(contents), "?top_k=2")
    assert response.json()["total"] == 100
    job = await ended(either, response)
    assert (job["state"], job["total"], job["done"], job["failed"], job["partial"]) == ("done", 100, 99, 1, False)
    assert job["model"] == {"name": "tiny", "version": 1, "alias": None}
    assert job["rate"] > 0
    assert job["results"] == f"/v1/jobs/{job['id']}/results"
    batch = []
    for begin in (0, 50):
        sent = json_images(contents[begin : begin + 50])
        answer = await either.client.post(
            "/v1/predict/batch?top_k=2", content=sent, headers={"content-type": "application/json"}
        )
        batch += answer.json()["results"]
    expected = [row | {"index": place, "name": f"{place}.png"} for place, row in enumerate(batch)]
    assert [without_times(row) for row in await rows(either, job)] == [without_times(row) for row in expected]


FORMS = {
    "tar": (tarred(images(3), "w"), "application/x-tar"),
    "tar.gz": (tarred(images(3)), "application/gzip"),
    "form": (files(images(3)), MULTIPART),
}


@pytest.mark.parametrize("form", FORMS)
async def test_images_come_in_other_ways_too(jobs: App, form: str) -> None:
    body, kind = FORMS[form]
    job = await ended(jobs, await send(jobs, body, kind=kind))
    got = await rows(jobs, job)
    assert [row["label"] for row in got] == list(COLOURS)
    assert [row["name"] for row in got] == ["0.png", "1.png", "2.png"]


async def test_images_can_be_named_by_keys_of_the_input_store(jobs: App, tmp_path: Path) -> None:
    (tmp_path / "inputs").mkdir()
    for place, content in enumerate(images(3)):
        (tmp_path / "inputs" / f"{place}.png").write_bytes(content)
    keys = ["2.png", "nothing.png", "0.png"]
    job = await ended(jobs, await send(jobs, json.dumps({"keys": keys}).encode(), kind="application/json"))
    got = await rows(jobs, job)
    assert [(row["name"], row.get("label")) for row in got] == [
        ("2.png", "blue"),
        ("nothing.png", None),
        ("0.png", "red"),
    ]
    assert got[1]["error"]["type"] == "urn:whatsit:problem:input-not-found"


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
async def test_results_are_had_as_tables_too(jobs: App, file_format: str) -> None:
    job = await ended(jobs, await send(jobs, zipped(images(5)), f"?format={file_format}"))
    content = (await download(jobs, job)).content
    if file_format == "csv":
        labels = [row["label"] for row in csv.DictReader(io.StringIO(content.decode()))]
    else:
        labels = pq.read_table(io.BytesIO(content))["label"].to_pylist()
    assert labels == [COLOURS[place % 3] for place in range(5)]


async def test_a_download_that_broke_off_is_resumed(jobs: App) -> None:
    job = await ended(jobs, await send(jobs, zipped(images(10))))
    whole = await download(jobs, job)
    assert (whole.headers["accept-ranges"], whole.headers["x-job-partial"]) == ("bytes", "false")
    assert int(whole.headers["content-length"]) == len(whole.content)
    tag = whole.headers["etag"]
    rest = await download(jobs, job, range="bytes=100-", if_range=tag)
    assert (rest.status_code, rest.content) == (206, whole.content[100:])
    assert rest.headers["content-range"] == f"bytes 100-{len(whole.content) - 1}/{len(whole.content)}"
    changed = await download(jobs, job, range="bytes=100-", if_range='"another"')
    assert (changed.status_code, changed.content) == (200, whole.content)
    assert (await download(jobs, job, range="bytes=-5")).content == whole.content[-5:]
    assert (await download(jobs, job, range="bytes=9999999-")).status_code == 416
    assert (await download(jobs, job, if_none_match=tag)).status_code == 304


async def test_the_same_idempotency_key_gives_the_same_job(either: App) -> None:
    form = files(images(3))
    first = await send(either, form, kind=MULTIPART, idempotency_key="mine")
    # As a client does that sends it again: its library draws another boundary.
    redrawn, kind = form.replace(b"a-boundary", b"another"), MULTIPART.replace("a-boundary", "another")
    again = await send(either, redrawn, kind=kind, idempotency_key="mine")
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]
    other = await send(either, files(images(4)), kind=MULTIPART, idempotency_key="mine")
    assert_problem(other, 422, "idempotency-key-reused")
    other = await send(either, form, "?top_k=1", MULTIPART, idempotency_key="mine")
    assert_problem(other, 422, "idempotency-key-reused")
    assert len((await either.client.get("/v1/jobs")).json()["jobs"]) == 1
    assert len(folders()) == 1


async def test_a_job_is_cancelled_within_seconds_and_keeps_what_is_done(either: App) -> None:
    contents = [*[mood(GOOD)] * 64, *[mood(SLOW)] * 200]
    response = await send(either, zipped(contents), "?model=moody")
    job = response.json()
    while not (await either.client.get(f"/v1/jobs/{job['id']}?wait=0.05")).json()["done"]:
        pass
    cancelled = await either.client.delete(f"/v1/jobs/{job['id']}")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    await either.client.get(f"/v1/jobs/{job['id']}?wait=30")
    got = await download(either, job)
    assert (got.headers["x-job-partial"], got.headers["x-job-state"]) == ("true", "cancelled")
    done = [json.loads(line)["index"] for line in got.text.splitlines()]
    assert 64 <= len(done) < len(contents)
    assert done == sorted(set(done))
    again = await either.client.delete(f"/v1/jobs/{job['id']}")
    assert (again.json()["state"], again.json()["partial"], again.json()["done"]) == ("cancelled", True, len(done))


async def test_an_image_that_fails_is_one_row(jobs: App) -> None:
    contents = [mood(GOOD), mood(FAILS), b"", mood(NONSENSE), mood(GOOD), mood(GOOD)[:40]]
    job = await ended(jobs, await send(jobs, zipped(contents), "?model=moody"))
    assert (job["state"], job["done"], job["failed"]) == ("done", 2, 4)
    kinds = [row.get("error", {}).get("type", "").rpartition(":")[2] for row in await rows(jobs, job)]
    assert kinds == ["", "inference-failed", "undecodable-image", "inference-failed", "", "undecodable-image"]


async def test_a_job_tells_what_becomes_of_it(either: App) -> None:
    job = (await send(either, zipped(images(200)))).json()
    events = await either.client.get(f"/v1/jobs/{job['id']}", headers={"accept": "text/event-stream"})
    assert events.headers["content-type"].startswith("text/event-stream")
    seen = [json.loads(event.removeprefix("data: ")) for event in events.text.split("\n\n") if event.startswith("data")]
    assert seen[-1]["state"] == "done"
    assert [job["done"] for job in seen] == sorted(job["done"] for job in seen)


async def test_jobs_are_listed_page_by_page(either: App) -> None:
    sent = []
    for _ in range(3):
        sent.insert(0, (await ended(either, await send(either, zipped(images(1)))))["id"])
    assert [job["id"] for job in (await either.client.get("/v1/jobs")).json()["jobs"]] == sent
    page = await either.client.get(f"/v1/jobs?limit=1&before={sent[0]}")
    assert [job["id"] for job in page.json()["jobs"]] == sent[1:2]


@pytest.mark.usefixtures("seen_at_once")
async def test_a_job_of_another_key_is_not_there(jobs: App) -> None:
    mine, other, wrong = make_key("jobs"), make_key("jobs"), make_key("predict")
    response = await send(jobs, zipped(images(1)), **{"authorization": mine["authorization"]})
    job = await ended(jobs, response, mine)
    refused = [(other, 404, "job-not-found"), ({}, 401, "unauthenticated"), (wrong, 403, "scope-missing")]
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/results")):
        for headers, status, kind in refused:
            answer = await jobs.client.request(method, f"/v1/jobs/{job['id']}{path}", headers=headers)
            assert_problem(answer, status, kind)
    assert (await jobs.client.get("/v1/jobs", headers=other)).json() == {"jobs": []}
    assert len((await jobs.client.get("/v1/jobs", headers=mine)).json()["jobs"]) == 1


async def test_the_version_of_an_unfinished_job_is_not_removed(start: Start, tmp_path: Path) -> None:
    publish_tiny(tmp_path / "store", "moody", model=moody_graph())
    async with start(store=tmp_path / "store", default_model="moody") as app:
        job = (await send(app, zipped([mood(SLOW)] * 64))).json()
        refused = await app.client.delete("/v1/models/moody/versions/1")
        assert_problem(refused, 409, "conflict")
        await app.client.delete(f"/v1/jobs/{job['id']}")
        await app.client.get(f"/v1/jobs/{job['id']}?wait=30")
        while app.services.store.place.holders("moody", 1):  # noqa: ASYNC110 - it is let go of a moment later
            await asyncio.sleep(0.01)
        assert (await app.client.delete("/v1/models/moody/versions/1")).status_code == 200


async def test_a_store_that_takes_no_notes_keeps_no_job_away(jobs: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("models.folder.Folder.hold", read_only)
    monkeypatch.setattr("models.folder.Folder.release", read_only)
    assert (await ended(jobs, await send(jobs, zipped(images(3)))))["done"] == 3
