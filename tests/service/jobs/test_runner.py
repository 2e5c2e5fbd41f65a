"""The runner: what processes before it left, what they died of, and what it leaves to others."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from models.store import Resolved
from service.jobs import database as databases
from service.jobs.database import Database
from service.jobs.folder import JobFolder
from service.jobs.ledger import Ledger
from service.jobs.queue import Queue
from service.jobs.records import Job, NewJob, Received
from service.jobs.spool import SpoolWriter
from service.settings import Settings
from service.uploads.upload import Upload
from tests.service.conftest import Start
from tests.service.jobs.support import images, new, tarred
from tests.service.support.apps import App
from tests.service.support.moods import FAILS, GOOD, SLOW, mood

ROOT = Path("jobs")
BOTH = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])


@pytest.fixture
def kind() -> str:
    """Of the database: SQLite, unless a test is for BOTH."""
    return "sqlite"


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest) -> str | None:
    """What the setting database_url would be: None for SQLite."""
    found: str | None = request.getfixturevalue("postgres_url") if kind == "postgresql" else None
    return found


@pytest.fixture
def restart(start: Start, url: str | None) -> Callable[..., AbstractAsyncContextManager[App]]:
    """Starts an app that finds what is in the database."""

    def with_settings(**changes: object) -> AbstractAsyncContextManager[App]:
        return start(database_url=url and SecretStr(url), **changes)

    return with_settings


class Before:
    """What was there before the app: jobs, and processes that died, to which things are lent for less than no time."""

    def __init__(self, url: str | None, store: str) -> None:
        ROOT.mkdir()
        self._database = Database(databases.database_url(url, ROOT.absolute()))
        self.ledger = Ledger(self._database, store)
        self.dead = Queue(self._database, store, "dead", -1)
        self.alive = Queue(self._database, store, "alive", 100)

    def accept(self, contents: Sequence[bytes] = (), model: str = "tiny", **changes: Any) -> Job:
        """A job of these images; or of what ``changes`` say."""
        job: NewJob = new(model=Resolved(model, 1, None))._replace(**changes)
        self.ledger.reserve(job, 10, "before", 100)
        folder = JobFolder(ROOT, job.id)
        folder.make()
        with SpoolWriter(folder, "0") as spool:
            for place, content in enumerate(contents):
                spool.add(Upload(f"{place}.png", content))
            total, plans, digest = spool.finish()
        if job.source == "archive":
            return self.ledger.accept(job, Received(digest))
        return self.ledger.accept(job, Received(digest, "0", total, plans))

    def close(self) -> None:
        self._database.close()


@pytest.fixture
def before(url: str | None, settings: Settings) -> Iterator[Before]:
    before = Before(url, str(settings.store))
    yield before
    before.close()


async def rows(app: App, job: Job) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A job when it has ended, and its rows."""
    ended = (await app.client.get(f"/v1/jobs/{job.id}?wait=30")).json()
    results = await app.client.get(f"/v1/jobs/{job.id}/results")
    found = [json.loads(line) for line in results.text.splitlines()] if results.status_code == 200 else []
    return ended, found


Restart = Callable[..., AbstractAsyncContextManager[App]]


@BOTH
async def test_what_was_accepted_before_a_restart_is_done_after_it(before: Before, restart: Restart) -> None:
    job = before.accept(images(100))
    async with restart() as app:
        ended, found = await rows(app, job)
    assert (ended["state"], ended["done"]) == ("done", 100)
    assert [row["index"] for row in found] == list(range(100))


@BOTH
async def test_a_chunk_that_processes_die_of_is_split_and_none_of_it_is_lost(before: Before, restart: Restart) -> None:
    job = before.accept(images(5))
    before.dead.claim(1)
    before.dead.claim(1, suspects=True)
    async with restart() as app:
        ended, found = await rows(app, job)
    assert (ended["state"], ended["done"]) == ("done", 5)
    assert [row["index"] for row in found] == list(range(5))


async def test_an_image_that_processes_die_of_is_given_up_alone(before: Before, restart: Restart) -> None:
    job, other = before.accept(images(1)), before.accept(images(2))
    before.dead.claim(1)
    for _ in range(2):
        assert before.dead.claim(1, suspects=True)[0].job.id == job.id
    async with restart() as app:
        ended, found = await rows(app, job)
        assert (ended["state"], ended["failed"]) == ("done", 1)
        assert found[0]["error"]["type"] == "urn:whatsit:problem:inference-failed"
        assert (await rows(app, other))[0]["done"] == 2


async def test_an_archive_that_processes_die_of_fails(before: Before, restart: Restart) -> None:
    job = before.accept(source="archive")
    for _ in range(3):
        assert before.dead.claim_phase() is not None
    async with restart() as app:
        ended, _ = await rows(app, job)
    assert (ended["state"], ended["problem"]["type"]) == ("failed", "urn:whatsit:problem:job-lost")


async def test_files_that_are_gone_are_told(before: Before, restart: Restart) -> None:
    without_archive, without_spool = before.accept(source="archive"), before.accept(images(3))
    JobFolder(ROOT, without_spool.id).keep_only()
    async with restart() as app:
        for job in (without_archive, without_spool):
            ended, _ = await rows(app, job)
            assert (ended["state"], ended["problem"]["type"]) == ("failed", "urn:whatsit:problem:job-lost")


async def test_a_version_that_is_gone_is_told(before: Before, restart: Restart) -> None:
    job = before.accept(images(3), model="nobody")
    async with restart() as app:
        ended, _ = await rows(app, job)
    assert (ended["state"], ended["problem"]["status"]) == ("failed", 404)


async def test_a_job_waits_for_an_input_store_that_is_away(before: Before, restart: Restart) -> None:
    job = before.accept(images(1), source="keys")
    async with restart(jobs_input="nonsense://away") as app:
        shown: dict[str, Any] = {"problem": None}
        while shown["problem"] is None:
            shown = (await app.client.get(f"/v1/jobs/{job.id}?wait=0.1")).json()
        assert (shown["state"], shown["problem"]["type"]) == ("running", "urn:whatsit:problem:jobs-unavailable")
        assert (await app.client.delete(f"/v1/jobs/{job.id}")).json()["state"] == "cancelled"


@BOTH
async def test_what_is_held_at_the_end_is_given_back(before: Before, restart: Restart) -> None:
    job = before.accept([mood(SLOW)] * 100, "moody")
    async with restart() as app:
        while (await app.client.get(f"/v1/jobs/{job.id}?wait=0.1")).json()["state"] == "queued":
            pass
    given_back = before.alive.claim(10)
    assert [chunk.attempts for chunk in given_back] == [1, 1]
    assert sum(chunk.plan.images for chunk in given_back) == 100


async def test_images_that_fail_spoil_no_neighbours(before: Before, restart: Restart) -> None:
    contents = [mood(FAILS if place % 10 == 3 else GOOD) for place in range(64)]
    job = before.accept(contents, "moody")
    async with restart() as app:
        ended, found = await rows(app, job)
    assert (ended["done"], ended["failed"]) == (57, 7)
    assert [row["index"] for row in found if row["status"] == "error"] == list(range(3, 64, 10))


@BOTH
async def test_an_archive_is_read_by_whoever_is_there(before: Before, restart: Restart) -> None:
    job = before.accept(source="archive")
    JobFolder(ROOT, job.id).upload.write_bytes(tarred(images(10)))
    assert before.dead.claim_phase() is not None
    async with restart() as app:
        ended, found = await rows(app, job)
    assert (ended["total"], [row["name"] for row in found]) == (10, [f"{place}.png" for place in range(10)])
    assert [path.name.partition("-")[0] for path in (ROOT / job.id).iterdir()] == ["results"]
