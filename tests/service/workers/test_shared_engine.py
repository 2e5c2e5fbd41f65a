"""The real service with two workers and one process that runs the graphs for both."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.support.load import PREDICT, Load, predicting
from tests.service.support.moods import moody_graph
from tests.service.support.process import Server, wait_until, wait_until_gone
from tests.service.support.raw import connect
from tests.service.workers.test_worker import PREDICTED, started, wait_until_both_are_ready
from tests.support.bundles import publish_tiny


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("slow") / "store"
    publish_tiny(root, "moody", model=moody_graph(slow_s=0.5))
    return root


@pytest.fixture(scope="module")
def shared(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with started(root, tmp_path_factory.mktemp("shared") / "log", engine="shared") as server:
        yield server


def engine_of(server: Server) -> int:
    """The process that runs the graphs; the last that was started."""
    pid: int = server.lines("engine started")[-1]["pid"]
    return pid


def test_one_process_runs_the_graphs_of_all(shared: Server) -> None:
    wait_until_both_are_ready(shared)
    for _ in range(30):  # by chance one of them gets them all in a billionth of all tests
        with connect(shared.running.port) as connection:
            connection.send(PREDICT)
            assert connection.response().status_code == 200
    wait_until(
        lambda: {line["role"] for line in shared.lines("request", path="/v1/predict")} == {"worker-0", "worker-1"}
    )
    assert {line["role"] for line in shared.lines("version opened")} == {"engine-0"}


def test_while_it_is_replaced_all_wait_and_none_is_lost(shared: Server) -> None:
    wait_until_both_are_ready(shared)
    engine = engine_of(shared)
    workers = set(shared.running.workers()) - {engine}
    before = shared.metric(PREDICTED)
    with Load(shared.running.port, clients=4) as load:
        shared.wait_for_metric(PREDICTED, least=before + 20)
        os.kill(engine, signal.SIGKILL)
        shared.wait_for_lines("engine ended", pid=engine)
        wait_until(lambda: engine_of(shared) != engine)
        wait_until_both_are_ready(shared)
        shared.wait_for_metric(PREDICTED, least=shared.metric(PREDICTED) + 20)
    assert set(load.answers) == {200}
    assert load.lost == 0
    assert workers <= set(shared.running.workers())


def test_a_worker_that_is_killed_harms_nobody_elses_images(shared: Server) -> None:
    wait_until_both_are_ready(shared)
    ended = len(shared.lines("worker ended"))
    with Load(shared.running.port, clients=4) as load:
        shared.wait_for_metric(PREDICTED, least=shared.metric(PREDICTED) + 20)
        victim = min(set(shared.running.workers()) - {engine_of(shared)})
        os.kill(victim, signal.SIGKILL)
        shared.wait_for_lines("worker ended", pid=victim)
        wait_until_both_are_ready(shared)
    assert set(load.answers) == {200}
    assert load.lost <= load.clients * (len(shared.lines("worker ended")) - ended)
    with connect(shared.running.port) as connection:
        connection.send(PREDICT)
        assert connection.response().status_code == 200


def test_it_runs_what_is_in_flight_before_it_ends(root: Path, tmp_path: Path) -> None:
    with started(root, tmp_path / "log", engine="shared") as server:
        wait_until_both_are_ready(server)
        answer = predicting(server)
        server.running.process.send_signal(signal.SIGTERM)
        assert answer().status_code == 200
        assert server.running.process.wait(60) == 0
        assert server.lines("engine ended")[0]["reason"] == "exit code 0"


def test_when_the_supervisor_is_killed_it_ends_after_the_workers(root: Path, tmp_path: Path) -> None:
    with started(root, tmp_path / "log", engine="shared") as server:
        wait_until_both_are_ready(server)
        pids = [*server.running.workers(), engine_of(server)]
        server.running.process.kill()
        wait_until_gone(pids)
        server.running.process.wait()
