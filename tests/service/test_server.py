"""Signals to the real process: what is in flight finishes, what is new is refused, the exit code is 0."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from service.background import running
from tests.service.support.load import predicting
from tests.service.support.moods import FAILS, GOOD, mood, moody_graph
from tests.service.support.problems import assert_problem
from tests.service.support.process import Server
from tests.service.support.raw import connect, request
from tests.support.bundles import publish_tiny

StartServer = Callable[..., AbstractContextManager[Server]]
LIVE = request("GET", "/health/live")


@pytest.fixture(scope="module")
def slow_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose model takes seconds for a slow image."""
    root = tmp_path_factory.mktemp("slow") / "store"
    publish_tiny(root, "moody", model=moody_graph(slow_s=1))
    return root


@pytest.fixture
def start_server(slow_root: Path, tmp_path: Path) -> StartServer:
    """Starts a server of the test's own."""

    @contextmanager
    def with_settings(**settings: object) -> Iterator[Server]:
        log, own = tmp_path / "log", {"store": slow_root, "workers": 1, "threads": 1}
        with log.open("wb") as file, running(own | settings, file.fileno()) as started:
            yield Server(started, log)

    return with_settings


def predict(which: int) -> bytes:
    return request("POST", "/v1/predict", mood(which), content_type="image/png")


def stop(server: Server, which: signal.Signals = signal.SIGTERM) -> None:
    server.running.process.send_signal(which)


def wait_until_draining(server: Server) -> None:
    while server.running.ask("GET", "/health/ready")[0] == 200:
        pass


def exit_code(server: Server) -> int:
    return server.running.process.wait(60)


def assert_quiet(server: Server) -> None:
    """Every line of the log is JSON, and none is of an exception."""
    assert server.lines(f"Finished server process [{server.running.process.pid}]")
    assert not [line for line in server.lines() if "exception" in line]


def test_what_is_in_flight_finishes_and_new_work_is_refused(start_server: StartServer) -> None:
    with start_server() as server, connect(server.running.port) as kept:
        kept.send(LIVE)
        assert kept.response().status_code == 200
        answer = predicting(server)
        stop(server)
        wait_until_draining(server)
        with connect(server.running.port) as fresh:
            fresh.send(predict(GOOD))
            assert_problem(fresh.response(), 503, "draining")
            assert fresh.closed()
        kept.send(LIVE)
        assert kept.response().status_code == 200, "it lives until it ends"
        kept.send(predict(GOOD))
        assert_problem(kept.response(), 503, "draining")
        assert answer().status_code == 200
        assert exit_code(server) == 0
        assert_quiet(server)


def test_an_idle_server_ends_though_clients_keep_their_connections(start_server: StartServer) -> None:
    with start_server(keep_alive_s=60) as server, connect(server.running.port) as kept:
        kept.send(LIVE)
        assert kept.response().status_code == 200
        stop(server, signal.SIGINT)
        assert exit_code(server) == 0
        assert kept.closed()
        assert_quiet(server)


def test_a_body_that_is_arriving_counts_as_in_flight(start_server: StartServer) -> None:
    whole = predict(GOOD)
    with start_server() as server, connect(server.running.port) as connection:
        connection.send(whole[:-10])
        server.running.ask("GET", "/health/live")  # by now the first has been read
        stop(server)
        wait_until_draining(server)
        connection.send(whole[-10:])
        assert connection.response().status_code == 200
        assert exit_code(server) == 0
        assert_quiet(server)


def test_what_outlives_the_grace_is_told_so(start_server: StartServer) -> None:
    with start_server(shutdown_grace_s=0) as server:
        answer = predicting(server)
        stop(server)
        assert_problem(answer(), 503, "draining")
        assert exit_code(server) == 0
        assert_quiet(server)


def test_a_second_signal_ends_the_grace(start_server: StartServer) -> None:
    with start_server(shutdown_grace_s=600) as server:
        answer = predicting(server)
        stop(server)
        wait_until_draining(server)
        stop(server)
        assert_problem(answer(), 503, "draining")
        assert exit_code(server) == 0
        assert_quiet(server)


def test_a_body_that_never_ends_cannot_hold_up_the_end(start_server: StartServer) -> None:
    with start_server(shutdown_grace_s=1, body_timeout_s=600) as server, connect(server.running.port) as connection:
        connection.send(predict(GOOD)[:-10])
        server.running.ask("GET", "/health/live")
        stop(server)
        assert_problem(connection.response(), 503, "draining")
        assert exit_code(server) == 0
        assert_quiet(server)


def test_a_signal_while_it_starts_ends_it_cleanly(slow_root: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-m", "service.cli.main", "serve", "--port", "0", "--store", str(slow_root)]
    with log.open("wb") as file, subprocess.Popen(command, stderr=file) as process:
        while b"Started server process" not in log.read_bytes():
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_memory_is_given_back_after_load(start_server: StartServer) -> None:
    """A leak of what a request holds would show: 100 kB each, 300 requests."""
    body = request("POST", "/v1/predict", bytes(100_000), content_type="image/png")

    def load(server: Server, times: int) -> None:
        with connect(server.running.port) as connection:
            for _ in range(times):
                connection.send(body)
                assert connection.response().status_code == 415

    with start_server(log_level="warning") as server:
        load(server, 50)
        before = server.running.memory_mb()
        load(server, 300)
        assert server.running.memory_mb() - before < 10


def test_the_log_of_a_whole_life_is_json(start_server: StartServer) -> None:
    with start_server(log_level="debug") as server:
        asked = [("predict", mood(GOOD)), ("predict", b"x"), ("nothing", b"x"), ("predict", mood(FAILS))]
        for path, body in ((f"/v1/{path}", body) for path, body in asked):
            server.running.ask("POST", path, body, "image/png")
        server.running.ask("GET", "/v1/a%0d%0a%1b[31m")
        server.running.stop()
        lines: list[dict[str, Any]] = server.lines()
        assert all({"time", "level", "event"} <= line.keys() for line in lines)
        requests = [line for line in server.lines("request") if not line["path"].startswith("/health")]
        assert [line["status"] for line in requests] == [200, 415, 404, 500, 404]
        assert requests[0]["model"] == "moody@1"
