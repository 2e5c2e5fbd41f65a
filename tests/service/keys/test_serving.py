"""Keys at a real service with two workers: they come and go while it serves, and their rates count over both."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tritonclient.http import InferenceServerClient
from tritonclient.utils import InferenceServerException

from service.background import HOST, running
from service.keys.file import KeyFile
from service.keys.scopes import is_open
from tests.service.api.test_routes import METHODS, all_routes, concrete
from tests.service.support.keys import id_of, make_key
from tests.service.support.load import Load
from tests.service.support.moods import GOOD, mood
from tests.service.support.problems import assert_problem
from tests.service.support.process import Server, wait_until
from tests.service.support.raw import RawResponse, connect, request

BOTH = {"worker-0", "worker-1"}
Header = dict[str, str]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "keys.json"


@pytest.fixture(scope="module")
def mine(file: Path) -> Header:
    """A key that is there from the start."""
    return make_key("predict", "jobs", "admin", file=file)


@pytest.fixture(scope="module")
def two(colours_root: Path, file: Path, mine: Header, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("two") / "log"
    settings = {"store": colours_root, "default_model": "tiny", "workers": 2, "max_batch": 8, "keys": file}
    with log.open("wb") as out, running(settings, out.fileno()) as process:
        yield Server(process, log)


def predict(header: Header) -> bytes:
    return request("POST", "/v1/predict", mood(GOOD), content_type="image/png", **header)


def ask(server: Server, header: Header) -> RawResponse:
    """On a connection of its own, which the kernel gives to either worker."""
    with connect(server.running.port) as connection:
        connection.send(predict(header))
        return connection.response()


def wait_until_both_know(server: Server, mine: Header, keys: int) -> None:
    """Have both look at the file, which they do when they are asked."""

    def known() -> bool:
        ask(server, mine)
        latest = {line["role"]: line["keys"] for line in server.lines("keys read")}
        return set(latest) == BOTH and set(latest.values()) == {keys}

    wait_until(known)


def wait_until_both_are_ready(server: Server) -> None:
    both = {"ready": 2, "of": 2}
    wait_until(lambda: server.running.ask("GET", "/health/ready")[1].get("workers") == both)


def number_of_keys(file: Path) -> int:
    return len(KeyFile(file).read())


def answered_by(server: Server, header: Header) -> set[str]:
    return {line["role"] for line in server.lines("request", key=id_of(header))}


def test_every_route_and_method_asks_for_a_key(two: Server) -> None:
    with connect(two.running.port) as connection:
        for method in METHODS:
            for path, _ in all_routes():
                if method in {"HEAD", "CONNECT"} or is_open(method, path):
                    continue  # HEAD says nothing more, and of CONNECT nothing is parsed
                connection.send(request(method, concrete(path)))
                response = connection.response()
                assert response.status_code == 401, (method, path)
                assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "target", ["*", "http://localhost/v1/models", "/health/live/../../v1/models", "/health/live%2f"]
)
def test_however_it_is_written(two: Server, target: str) -> None:
    with connect(two.running.port) as connection:
        connection.send(request("GET" if target != "*" else "OPTIONS", target))
        assert_problem(connection.response(), 401, "unauthenticated")


def test_methods_with_answers_of_their_own(two: Server) -> None:
    with connect(two.running.port) as connection:
        connection.send(request("HEAD", "/v1/models"))
        assert connection.response(to_head=True).status_code == 401
        connection.send(request("CONNECT", "localhost:1"))
        assert connection.response().status_code == 400, "it is no request to this service at all"


def test_the_log_says_that_keys_are_required(two: Server) -> None:
    [line] = two.lines("listening")
    assert line["keys"] == "required"


def test_the_client_of_the_inference_protocol_sends_a_key_and_reads_why_not(two: Server, mine: Header) -> None:
    with InferenceServerClient(f"{HOST}:{two.running.port}") as client:
        assert client.is_server_ready()
        assert client.get_model_metadata("tiny", headers=mine)["name"] == "tiny"
        with pytest.raises(InferenceServerException, match="asks for a key") as refused:
            client.get_model_metadata("tiny")
    assert refused.value.status() == "401"


def test_a_body_is_refused_before_it_comes(two: Server) -> None:
    with connect(two.running.port) as connection:
        head = "POST /v1/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/png\r\n"
        connection.send(f"{head}content-length: 10000000\r\nexpect: 100-continue\r\n\r\n".encode())
        assert_problem(connection.response(), 401, "unauthenticated")


def test_keys_come_and_go_while_it_serves(two: Server, mine: Header, file: Path) -> None:
    header = make_key(file=file)
    wait_until_both_know(two, mine, number_of_keys(file))
    for _ in range(30):
        assert ask(two, header).status_code == 200
    KeyFile(file).revoke(id_of(header))
    wait_until_both_know(two, mine, number_of_keys(file))
    for _ in range(30):
        assert_problem(ask(two, header), 401, "unauthenticated")
    assert answered_by(two, header) == BOTH


def test_a_rate_counts_over_both(two: Server, mine: Header, file: Path) -> None:
    header = make_key(rate="30/day", file=file)
    wait_until_both_know(two, mine, number_of_keys(file))
    assert [ask(two, header).status_code for _ in range(30)] == [200] * 30
    assert answered_by(two, header) == BOTH
    for _ in range(20):
        response = ask(two, header)
        assert_problem(response, 429, "rate-exceeded")
        assert int(response.headers["retry-after"]) > 1


def test_what_was_counted_outlives_who_is_killed(two: Server, mine: Header, file: Path) -> None:
    header = make_key(rate="400/day", file=file)
    wait_until_both_know(two, mine, number_of_keys(file))
    with Load(two.running.port, 4, predict(header)) as load:
        wait_until(lambda: load.answers[200] >= 20)
        for pid in two.running.workers():
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: load.answers[429] > 0 and load.answers[200] + load.lost >= 400)
    assert set(load.answers) == {200, 429}
    assert 400 - load.lost <= load.answers[200] <= 400
    assert len(two.lines("worker ended")) >= 2


def test_a_file_that_vanishes_opens_nothing(two: Server, mine: Header, file: Path) -> None:
    wait_until_both_are_ready(two)
    content = file.read_bytes()
    file.unlink()
    wait_until(lambda: ask(two, mine) is not None and {line["role"] for line in two.lines("keys not read")} == BOTH)
    assert ask(two, mine).status_code == 200, "a mishap locks nobody out"
    assert_problem(ask(two, {}), 401, "unauthenticated")
    ended = len(two.lines("worker ended"))
    for pid in two.running.workers():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(two.lines("worker ended")) == ended + 2)
    for header in ({}, mine):  # who comes after them has never seen the file
        for _ in range(10):
            assert_problem(ask(two, header), 401, "unauthenticated")
    file.write_bytes(content)
    wait_until(lambda: ask(two, mine).status_code == 200)
