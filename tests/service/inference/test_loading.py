"""Orders to load and unload that one of several processes is given: all follow them, and whoever takes its place."""

import os
import signal
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from service.background import HOST, Running, running
from tests.service.support.process import wait_until
from tests.support.bundles import publish_tiny

READY = "/v2/models/spare/ready"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    """Two workers, over a store with a model to spare."""
    store = tmp_path / "store"
    publish_tiny(store)
    publish_tiny(store, "spare")
    settings = {"store": store, "default_model": "tiny", "workers": 2, "threads": 1, "max_batch": 1}
    with (tmp_path / "log").open("wb") as log, running(settings, log.fileno()) as started:
        yield started


def answers(server: Running) -> set[tuple[int, str]]:
    """What the workers answer who are asked whether the model is ready: many connections meet both."""
    found = set()
    for _ in range(20):
        connection = HTTPConnection(HOST, server.port, timeout=30)
        connection.request("GET", READY)
        response = connection.getresponse()
        found.add((response.status, response.read().decode()[:28]))
        connection.close()
    return found


def order(server: Running, what: str) -> None:
    assert server.ask("POST", f"/v2/repository/models/spare/{what}")[0] == 200


def test_all_workers_follow_an_order_and_so_do_their_successors(server: Running) -> None:
    ready, unloaded = {(200, '{"name":"spare","ready":true')}, {(503, '{"error":"spare@1 was unload')}
    order(server, "load")
    wait_until(lambda: answers(server) == ready)
    order(server, "unload")
    wait_until(lambda: answers(server) == unloaded)
    killed = server.workers()[0]
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: killed not in server.workers() and len(server.workers()) == 2)
    wait_until(lambda: answers(server) == unloaded)
    order(server, "load")
    wait_until(lambda: answers(server) == ready)
