"""Jobs that are not accepted, or end for a reason: bodies, limits, and every attack by an archive."""

import asyncio
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from service.jobs.backend import Backend
from service.jobs.holds import Holds
from service.jobs.housekeeping import Housekeeping
from tests.service.api.test_jobs import Row, download, ended, folders, rows, send
from tests.service.conftest import Start
from tests.service.jobs.support import images, tarred, zipped
from tests.service.support.apps import App
from tests.service.support.bodies import MULTIPART, files, multipart, part
from tests.service.support.moods import SLOW, mood
from tests.service.support.problems import assert_discreet, assert_problem

RED = images(1)[0]
JSON = "application/json"


@pytest.mark.parametrize(
    ("body", "kind", "status", "problem"),
    [
        (b"", "application/zip", 422, "archive-refused"),
        (b"no archive", "application/zip", 422, "archive-refused"),
        (RED, "application/zip", 422, "archive-refused"),
        (RED, "image/png", 415, "unsupported-content-type"),
        (b"", "", 415, "unsupported-content-type"),
        (b"{}", JSON, 415, "unsupported-content-type"),  # there is no input store
        (files([RED], "file"), MULTIPART, 400, "malformed-request"),
        (files([RED])[:-20], MULTIPART, 400, "malformed-request"),
        (b"", MULTIPART, 400, "malformed-request"),
        (files([RED]), "multipart/form-data", 400, "malformed-request"),
        (zipped([]), "application/zip", 422, "archive-refused"),
        (zipped([RED])[:-30], "application/zip", 422, "archive-refused"),
    ],
)
async def test_bodies_of_no_use(app: App, body: bytes, kind: str, status: int, problem: str) -> None:
    assert_problem(await send(app, body, kind=kind), status, problem)
    assert folders() == []
    assert (await app.client.get("/v1/jobs")).json() == {"jobs": []}


BAD_KEYS = [b"", b"[]", b"{}", b'{"keys": []}', b'{"keys": "a"}', b'{"keys": ["a"], "more": 1}', b'{"keys": ["../a"]}']


@pytest.mark.parametrize("body", [*BAD_KEYS, b'{"keys": ["http://h/a"]}', b'{"keys": [1]}'])
async def test_keys_that_are_none(start: Start, tmp_path: Path, body: bytes) -> None:
    async with start(jobs_input=str(tmp_path)) as app:
        assert_problem(await send(app, body, kind=JSON), 400, "malformed-request")


@pytest.mark.parametrize(
    ("query", "status", "problem"),
    [
        ("?model=nobody", 404, "not-found"),
        ("?model=tiny@7", 404, "not-found"),
        ("?model=../tiny", 400, "invalid-ref"),
        ("?format=xml", 400, "malformed-request"),
        ("?top_k=0", 400, "malformed-request"),
    ],
)
async def test_questions_that_make_no_sense(app: App, query: str, status: int, problem: str) -> None:
    assert_problem(await send(app, zipped([RED]), query), status, problem)


async def test_limits(start: Start, tmp_path: Path) -> None:
    changes = {"max_job_bytes": 10_000, "max_active_jobs": 2, "max_job_keys": 3, "max_archive_entries": 5}
    async with start(**changes, jobs_input=str(tmp_path)) as app:
        assert_problem(await send(app, bytes(10_001)), 413, "body-too-large")
        keys = json.dumps({"keys": ["a"] * 4}).encode()
        assert_problem(await send(app, keys, kind=JSON), 413, "too-many-images")
        assert_problem(await send(app, b"[]," * 300, kind=JSON), 413, "too-many-images")
        assert_problem(await send(app, files([b"x"] * 6), kind=MULTIPART), 413, "too-many-images")
        slow = zipped([mood(SLOW)] * 5)
        jobs = [await send(app, slow, "?model=moody") for _ in range(2)]
        full = await send(app, slow, "?model=moody")
        assert_problem(full, 429, "full")
        assert int(full.headers["retry-after"]) > 0
        assert_problem(await app.client.get(f"/v1/jobs/{jobs[0].json()['id']}/results"), 409, "job-unfinished")
        await app.client.delete(f"/v1/jobs/{jobs[0].json()['id']}")
        assert (await send(app, slow, "?model=moody")).status_code == 202


@pytest.mark.parametrize("job", ["0" * 32, "x", "0" * 31 + "g", "%00", "0" * 64, "..%2f..%2fjobs.db"])
async def test_a_job_that_is_not_there(app: App, job: str) -> None:
    for method in ("GET", "DELETE"):
        response = await app.client.request(method, f"/v1/jobs/{job}")
        assert response.status_code == 404
    assert (await app.client.get(f"/v1/jobs/{job}/results")).status_code == 404


def with_link(kind: bytes, to: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        entry = tarfile.TarInfo("link.png")
        entry.type, entry.linkname = kind, to
        archive.addfile(entry)
    return file.getvalue()


def bomb(kind: Callable[[list[bytes]], bytes]) -> bytes:
    return kind([bytes(20_000_000)])


def deflated(contents: list[bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for place, content in enumerate(contents):
            archive.writestr(f"{place}.png", content)
    return file.getvalue()


def overlapping() -> bytes:
    """Two entries of the directory that are the same bytes."""
    archive = bytearray(zipped([RED, RED]))
    entry = archive.rindex(b"PK\x01\x02")
    archive[entry + 42 : entry + 46] = bytes(4)
    return bytes(archive)


def crowded() -> bytes:
    """A directory of a million entries, in few bytes each."""
    archive = zipped([RED])
    begin, end = archive.index(b"PK\x01\x02"), archive.index(b"PK\x05\x06")
    entry = archive[begin:end]
    tail = bytearray(archive[end:])
    tail[12:16] = (len(entry) * 200_000).to_bytes(4, "little")
    return archive[:begin] + entry * 200_000 + bytes(tail)


ATTACKS = {
    "a tar with a link": with_link(tarfile.SYMTYPE, "/etc/passwd"),
    "a tar with a hard link": with_link(tarfile.LNKTYPE, "/etc/passwd"),
    "a tar with a device": with_link(tarfile.CHRTYPE, ""),
    "a tar with a pipe": with_link(tarfile.FIFOTYPE, ""),
    "a zip bomb": bomb(deflated),
    "a gzip bomb": bomb(tarred),
    "overlapping entries": overlapping(),
    "a directory of many entries": crowded(),
    "too many entries": zipped([b""] * 10_001),
    "a tar of too many entries": tarred([b""] * 10_001),
    "a tar that is cut short": tarred(images(3), "w")[:1000],
    "a gzip that is cut short": tarred(images(3))[:-20],
    "an empty tar": tarred([]),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_archives_that_attack(app: App, tmp_path: Path, attack: str) -> None:
    kind = "application/gzip" if ATTACKS[attack].startswith(b"\x1f\x8b") else "application/zip"
    response = await send(app, ATTACKS[attack], kind=kind)
    if response.status_code == 202:
        job = await ended(app, response)
        assert (job["state"], job["done"], job["results"]) == ("failed", 0, None)
        assert job["problem"]["type"] == "urn:whatsit:problem:archive-refused"
        assert_discreet(json.dumps(job).encode())
        assert_problem(await download(app, job), 409, "job-unfinished")
        while folders():  # noqa: ASYNC110 - it is removed after that was noted
            await asyncio.sleep(0.01)
    else:
        assert_problem(response, 422, "archive-refused")
    assert below(tmp_path) <= {"jobs", "cache", *(f"jobs/jobs.db{end}" for end in ("", "-shm", "-wal"))}


def below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


NAMES = [
    "../../escaped.png",
    "/escaped.png",
    "a/../../../escaped.png",
    "C:\\escaped.png",
    "naïve 猫.png",
    "a\x1b[31m.png",
]


async def test_names_are_data(app: App, tmp_path: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in NAMES:
            archive.writestr(name, RED)
    job = await ended(app, await send(app, file.getvalue()))
    assert [(row["name"], row["label"]) for row in await rows(app, job)] == [(name, "red") for name in NAMES]
    parts = [part(RED, f'form-data; name="files"; filename="{name}"') for name in NAMES[:3]]
    job = await ended(app, await send(app, multipart(*parts), kind=MULTIPART))
    assert [row["name"] for row in await rows(app, job)] == NAMES[:3]
    assert not list(tmp_path.parent.rglob("*escaped*"))


async def test_a_full_disk_ends_a_job_for_a_reason_and_no_process(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    job = (await send(app, tarred(images(3)))).json()  # is on the disk before that is full
    monkeypatch.setattr("os.fdatasync", full)
    found: Row = (await app.client.get(f"/v1/jobs/{job['id']}?wait=30")).json()
    assert (found["state"], found["problem"]["type"]) == ("failed", "urn:whatsit:problem:disk-full")
    assert_problem(await send(app, zipped([RED])), 507, "disk-full")
    monkeypatch.undo()
    assert (await ended(app, await send(app, zipped([RED]))))["state"] == "done"


async def test_jobs_that_are_past_their_time_are_removed(start: Start) -> None:
    async with start(jobs_keep_h=1e-9) as app:
        job = await ended(app, await send(app, zipped([RED])))
        backend = Backend(app.services.settings)
        await Housekeeping(backend, Holds(app.services.store)).tidy()
        backend.close()
        assert_problem(await app.client.get(f"/v1/jobs/{job['id']}"), 404, "job-not-found")
        assert_problem(await download(app, job), 404, "job-not-found")
        assert folders() == []
