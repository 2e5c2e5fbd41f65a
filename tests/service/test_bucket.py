"""A real service whose store is a bucket: it follows it, and goes on when it is away."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from models.aliases import move_alias
from models.bucket.cache import Cache
from models.publish import publish
from models.store import Store
from service.background import Running, running
from tests.service.support.process import Server, wait_until
from tests.support.bundles import release
from tests.support.images import encode, solid
from tests.support.s3 import S3Server

WHO = {"who": "me", "why": "to see"}
RED = encode(solid("red", (8, 8)), "PNG")
Serve = Callable[..., Server]


@pytest.fixture
def bucket(s3_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Two versions of tiny, of which production names the first."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # of the services: where there would be seconds of them
    store = Store(s3_url, cache=Cache(tmp_path / "mine"))
    for _ in range(2):
        publish(store, "tiny", release(tmp_path / "graph.onnx"), **WHO)
    move_alias(store, "tiny", "production", 1, **WHO)
    return store


@pytest.fixture
def serve(bucket: Store, tmp_path: Path) -> Iterator[Serve]:
    """Starts services, all with the same cache, and stops them in the end."""
    logs: list[Path] = []
    with ExitStack() as stack:

        def start(**settings: object) -> Server:
            log = tmp_path / f"log of {len(logs)}"
            logs.append(log)
            file = stack.enter_context(log.open("wb"))
            given = {"store": bucket.location, "store_poll_s": 0.2, "threads": 1, "lanes": 1, "max_batch": 8}
            given |= {"store_cache": tmp_path / "its"} | settings
            return Server(stack.enter_context(running(given, file.fileno())), log)

        yield start


def answered_by(service: Running) -> int:
    status, answer = service.ask("POST", "/v1/predict", RED, "image/png")
    assert (status, answer["label"]) == (200, "red")
    version: int = answer["model"]["version"]
    return version


def test_it_follows_its_store_and_goes_on_when_that_is_away(bucket: Store, s3: S3Server, serve: Serve) -> None:
    first = serve(workers=2)
    assert answered_by(first.running) == 1
    move_alias(bucket, "tiny", "production", 2, **WHO)
    wait_until(lambda: {answered_by(first.running) for _ in range(10)} == {2})  # by both workers
    with s3.away():
        first.wait_for_metric("whatsit_store_away", least=1)
        second = serve(workers=1)
        for service in (first.running, second.running):
            assert answered_by(service) == 2
            status, listed = service.ask("GET", "/v1/models")
            assert (status, [version["version"] for version in listed["models"][0]["versions"]]) == (200, [1, 2])
            status, problem = service.ask("POST", "/v1/models/tiny/rollback")
            assert (status, problem["type"]) == (503, "urn:whatsit:problem:store-unavailable")
    move_alias(bucket, "tiny", "production", 1, **WHO)
    for server in (first, second):
        server.wait_for_lines("the store is back")
        wait_until(lambda service=server.running: answered_by(service) == 1)
