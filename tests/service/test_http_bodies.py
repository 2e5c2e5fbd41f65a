"""Bodies on bare sockets, which have two seconds to arrive here: too large, too slow, cut short, in crumbs."""

import uuid
from collections.abc import Iterator

import pytest

from tests.service.support.problems import assert_problem
from tests.service.support.process import Server
from tests.service.support.raw import connect, request
from tests.support.images import encode, solid

RED = encode(solid("red"), "PNG")
LIVE = request("GET", "/health/live")
LIMIT = 10_000_000 * 4 // 3 + 65_536
CHUNKED = (
    b"POST /v1/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/png\r\ntransfer-encoding: chunked\r\n\r\n"
)


def declared(length: int) -> bytes:
    head = "POST /v1/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/png\r\n"
    return f"{head}content-length: {length}\r\n\r\n".encode()


def chunks(size: int) -> Iterator[bytes]:
    while True:
        yield f"{size:x}\r\n".encode() + bytes(size) + b"\r\n"


def test_a_length_that_is_too_large_is_refused_before_the_body_comes(server: Server) -> None:
    with connect(server.running.port) as connection:
        connection.send(declared(LIMIT + 1))
        assert_problem(connection.response(), 413, "body-too-large")


def test_who_asks_before_sending_is_told(server: Server) -> None:
    for length, answer in ((len(RED), 100), (LIMIT + 1, 413)):
        with connect(server.running.port) as connection:
            connection.send(declared(length).replace(b"host: localhost", b"host: localhost\r\nexpect: 100-continue"))
            assert connection.response().status_code == answer
            if answer == 100:
                connection.send(RED)
                assert connection.response().status_code == 200


def test_who_sends_a_large_body_all_the_same_can_read_why_it_was_refused(server: Server) -> None:
    with connect(server.running.port) as connection:
        connection.send(declared(20_000_000))
        connection.send(bytes(20_000_000))
        assert_problem(connection.response(), 413, "body-too-large")
        connection.send(LIVE)
        assert connection.response().status_code == 200


def test_chunks_are_counted_for_they_declare_no_length(server: Server) -> None:
    with connect(server.running.port) as connection:
        connection.send(CHUNKED)
        for number, chunk in enumerate(chunks(1_000_000)):
            connection.send(chunk)
            if number == 15:
                break
        assert_problem(connection.response(), 413, "body-too-large")


def test_what_is_left_of_an_unwanted_body_is_not_waited_for_long(server: Server) -> None:
    with connect(server.running.port) as connection:
        connection.send(declared(LIMIT + 1) + b"some")
        assert_problem(connection.response(), 413, "body-too-large")
        assert connection.closed()


def test_what_is_left_of_an_unwanted_body_is_answered_no_second_time(server: Server) -> None:
    with connect(server.running.port) as connection:
        connection.send(CHUNKED.replace(b"/v1/predict", b"/v1/nothing"))
        assert_problem(connection.response(), 404, "http")
        connection.send(b"nonsense\r\n\r\n")
        assert connection.closed()


def test_a_body_that_does_not_arrive_is_not_waited_for(server: Server) -> None:
    with connect(server.running.port) as connection:
        connection.send(declared(len(RED) + 1) + RED)
        assert_problem(connection.response(), 408, "body-timeout")


@pytest.mark.parametrize("head", [declared(len(RED)), CHUNKED + b"5\r\n"], ids=["declared", "chunked"])
def test_a_client_that_leaves_in_the_middle_of_its_body_is_logged_as_that(server: Server, head: bytes) -> None:
    request_id = uuid.uuid4().hex
    with connect(server.running.port) as connection:
        connection.send(
            head.replace(b"host: localhost", f"host: localhost\r\nx-request-id: {request_id}".encode()) + b"some"
        )
    [line] = server.wait_for_lines(id=request_id)
    assert (line["status"], line["problem"]) == (499, "client-left")


def test_hundreds_of_thousands_of_one_byte_chunks(server: Server) -> None:
    """Bounded work and memory for each byte, and the image in them is not harmed."""
    image = encode(solid("red", (256, 256)), "BMP")
    before = server.running.memory_mb()
    with connect(server.running.port) as connection:
        connection.send(CHUNKED + b"".join(b"1\r\n%c\r\n" % byte for byte in image) + b"0\r\n\r\n")
        assert connection.response().status_code == 200
    assert server.running.memory_mb() - before < 100


def test_nothing_is_left_of_all_this(server: Server) -> None:
    """Every permit and every byte of memory for bodies has been given back: a full batch goes through."""
    names = "".join(
        f"--b\r\ncontent-disposition: form-data; name=files; filename={i}\r\n\r\n{'x' * 1000}\r\n" for i in range(64)
    )
    body = f"{names}--b--\r\n".encode()
    path = "/v1/predict/batch"
    status, answer = server.running.ask("POST", path, body, "multipart/form-data; boundary=b")
    assert (status, answer["summary"]) == (200, {"ok": 0, "failed": 64})
    assert server.metric("whatsit_permits_held") == 0
