"""Real processes that are killed at the worst moments: nothing is lost, and no row appears twice."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from service.background import HOST, Running, running
from tests.service.jobs.support import zipped
from tests.service.support.moods import GOOD, SLOW, mood

IMAGES = 300


@pytest.fixture
def settings(colours_root: Path, tmp_path: Path) -> dict[str, object]:
    return {
        "store": colours_root,
        "default_model": "moody",
        "jobs_dir": tmp_path / "jobs",
        "jobs_lease_s": 1,
        "threads": 1,
        "max_batch": 16,
    }


@contextmanager
def replica(settings: dict[str, object], workers: int = 2) -> Iterator[Running]:
    """A service that nobody stops who was killed already."""
    with running({**settings, "workers": workers}, subprocess.DEVNULL) as started:
        yield started


def ask(server: Running, path: str, method: str = "GET", body: bytes | None = None) -> Any:
    return server.ask(method, path, body, "application/zip" if body else "")[1]


def rows(server: Running, job: str) -> list[dict[str, Any]]:
    connection = HTTPConnection(HOST, server.port, timeout=60)
    connection.request("GET", f"/v1/jobs/{job}/results")
    response = connection.getresponse()
    assert response.status == 200
    found = [json.loads(line) for line in response.read().splitlines()]
    connection.close()
    return found


def wait_for(server: Running, job: str, done: int) -> dict[str, Any]:
    """The job when so many of its images are done, or it has ended."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        shown: dict[str, Any] = ask(server, f"/v1/jobs/{job}?wait=0.05")
        if shown["done"] >= done or shown["state"] not in {"queued", "running"}:
            return shown
    raise AssertionError(f"it takes for ever: {shown}")


CONTENTS = [mood(SLOW if place % 60 == 7 else GOOD) for place in range(IMAGES)]


def test_workers_and_the_whole_service_are_killed(settings: dict[str, object]) -> None:
    with replica(settings) as server:
        job = ask(server, "/v1/jobs", "POST", zipped(CONTENTS))["id"]
        wait_for(server, job, 1)
        os.kill(server.workers()[0], signal.SIGKILL)
        wait_for(server, job, 100)
        for pid in (*server.workers(), server.process.pid):
            os.kill(pid, signal.SIGKILL)
        server.process.wait()
    with replica(settings) as server:
        shown = wait_for(server, job, IMAGES + 1)
        assert (shown["state"], shown["done"], shown["failed"]) == ("done", IMAGES, 0)
        assert [row["index"] for row in rows(server, job)] == list(range(IMAGES))


def stop_elsewhere(first: Running, second: Running) -> None:
    """What one has accepted the other can stop."""
    job = ask(first, "/v1/jobs", "POST", zipped([mood(SLOW)] * IMAGES))["id"]
    while ask(second, f"/v1/jobs/{job}")["state"] == "queued":
        pass
    assert ask(second, f"/v1/jobs/{job}", "DELETE")["state"] == "cancelled"
    shown = ask(first, f"/v1/jobs/{job}?wait=30")
    assert (shown["state"], shown["partial"]) == ("cancelled", True)
    assert len(rows(first, job)) == shown["done"] < IMAGES


def test_replicas_share_a_job_and_one_of_them_dies(settings: dict[str, object], postgres_url: str) -> None:
    with ExitStack() as stack:
        first, second = [
            stack.enter_context(replica(settings | {"database_url": postgres_url}, workers=1)) for _ in range(2)
        ]
        stop_elsewhere(first, second)
        job = ask(first, "/v1/jobs", "POST", zipped(CONTENTS))["id"]
        wait_for(second, job, 64)
        os.kill(first.process.pid, signal.SIGKILL)
        first.process.wait()
        shown = wait_for(second, job, IMAGES + 1)
        assert (shown["state"], shown["done"], shown["failed"]) == ("done", IMAGES, 0)
        assert [row["index"] for row in rows(second, job)] == list(range(IMAGES))
