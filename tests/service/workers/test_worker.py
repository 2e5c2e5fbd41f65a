"""The real service with two workers: both answer, what dies is replaced, all drain, and nothing is left behind."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from service.background import HOST, running
from tests.service.support.load import PREDICT, Load, predicting
from tests.service.support.moods import moody_graph
from tests.service.support.process import Server, wait_until, wait_until_gone
from tests.service.support.raw import connect
from tests.support.bundles import publish_tiny

StartServer = Callable[..., AbstractContextManager[Server]]

PREDICTED = 'whatsit_requests_total{method="POST",route="/v1/predict",status="200"}'
STARTS = 'whatsit_process_starts_total{kind="worker"}'


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose model takes half a second for a slow image."""
    root = tmp_path_factory.mktemp("slow") / "store"
    publish_tiny(root, "moody", model=moody_graph(slow_s=0.5))
    return root


@contextmanager
def started(root: Path, log: Path, **settings: object) -> Iterator[Server]:
    with log.open("wb") as file, running({"store": root, "workers": 2} | settings, file.fileno()) as process:
        yield Server(process, log)


@pytest.fixture(scope="module")
def two(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Two workers for all tests that let them live, or be replaced."""
    with started(root, tmp_path_factory.mktemp("two") / "log", worker_timeout_s=3) as server:
        yield server


@pytest.fixture
def start(root: Path, tmp_path: Path) -> StartServer:
    """Starts two workers of the test's own."""
    return lambda **settings: started(root, tmp_path / "log", **settings)


def ready(server: Server) -> dict[str, int]:
    status, answer = server.running.ask("GET", "/health/ready")
    workers: dict[str, int] = answer["workers"] if status == 200 else {}
    return workers


def wait_until_both_are_ready(server: Server) -> None:
    wait_until(lambda: ready(server) == {"ready": 2, "of": 2})


def test_both_answer_and_their_counts_add_up(two: Server) -> None:
    wait_until_both_are_ready(two)
    before = two.metric(PREDICTED)
    for _ in range(30):  # by chance one of them gets them all in a billionth of all tests
        with connect(two.running.port) as connection:
            connection.send(PREDICT)
            assert connection.response().status_code == 200
    two.wait_for_metric(PREDICTED, least=before + 30)
    assert two.metric(PREDICTED) == before + 30
    assert two.metric("whatsit_permits") == 1024
    assert two.metric('whatsit_engine_info{device="cpu",model="moody",precision="fp32",version="1"}') == 1
    wait_until(lambda: {line["role"] for line in two.lines("request", path="/v1/predict")} == {"worker-0", "worker-1"})


def test_the_one_that_is_killed_loses_only_what_was_inside_it_and_counts_never_fall(two: Server) -> None:
    wait_until_both_are_ready(two)
    ended = len(two.lines("worker ended"))
    starts, told = two.metric(STARTS), [two.metric(PREDICTED)]
    with Load(two.running.port, clients=4) as load:
        two.wait_for_metric(PREDICTED, least=told[0] + 20)
        victim = two.running.workers()[0]
        os.kill(victim, signal.SIGKILL)
        while victim in two.running.workers() or ready(two) != {"ready": 2, "of": 2}:
            told.append(two.metric(PREDICTED))
    assert set(load.answers) == {200}
    assert load.lost <= load.clients * (len(two.lines("worker ended")) - ended)
    assert two.lines("worker ended", pid=victim)[0]["reason"] == "killed by SIGKILL"
    assert two.metric(STARTS) == starts + 1
    told.append(two.metric(PREDICTED))
    assert told == sorted(told)


def test_one_that_stands_still_is_replaced(two: Server) -> None:
    wait_until_both_are_ready(two)
    victim = two.running.workers()[0]
    os.kill(victim, signal.SIGSTOP)
    [line] = two.wait_for_lines("worker ended", pid=victim)
    assert line["reason"] == "its event loop stood still for 3 s"
    wait_until_both_are_ready(two)
    assert victim not in two.running.workers()


def test_one_that_is_told_to_end_refuses_nobody_and_is_replaced(two: Server) -> None:
    wait_until_both_are_ready(two)
    with Load(two.running.port, clients=2) as load:
        victim = two.running.workers()[0]
        os.kill(victim, signal.SIGTERM)
        os.kill(victim, signal.SIGINT)  # as a terminal would, to all processes
        [line] = two.wait_for_lines("worker ended", pid=victim)
        wait_until_both_are_ready(two)
    assert (line["level"], line["reason"]) == ("info", "exit code 0")
    assert set(load.answers) == {200}


def test_the_supervisor_has_one_thread(two: Server) -> None:
    assert len(list(Path(f"/proc/{two.running.process.pid}/task").iterdir())) == 1


def test_all_finish_what_is_in_flight_and_it_ends_well(start: StartServer) -> None:
    with start() as server:
        answer = predicting(server)
        # As systemd does: to every process.
        for pid in (server.running.process.pid, *server.running.workers()):
            os.kill(pid, signal.SIGTERM)
        assert answer().status_code == 200
        assert server.running.process.wait(60) == 0
        reasons = [line["reason"] for line in server.lines("worker ended")]
        assert set(reasons) == {"exit code 0"}
        assert not [line for line in server.lines() if line["level"] == "error"]


def test_when_the_supervisor_is_killed_its_workers_finish_and_nothing_is_left(start: StartServer) -> None:
    with start() as server:
        workers = server.running.workers()
        for pid in (server.running.process.pid, *workers):  # memory with a name would stay
            assert "/dev/shm" not in Path(f"/proc/{pid}/maps").read_text()  # noqa: S108
        answer = predicting(server)
        server.running.process.kill()
        assert answer().status_code == 200
        wait_until_gone(workers)
        server.running.process.wait()
        with socket.create_server((HOST, server.running.port)):
            pass


def test_the_supervisor_keeps_no_descriptors_of_those_that_were_replaced(two: Server) -> None:
    def replace() -> int:
        wait_until_both_are_ready(two)
        victim = two.running.workers()[0]
        os.kill(victim, signal.SIGKILL)
        two.wait_for_lines("worker ended", pid=victim)
        wait_until_both_are_ready(two)
        return two.descriptors()

    assert len({replace() for _ in range(3)}) == 1
