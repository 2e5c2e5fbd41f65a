"""What bare sockets can do to the server, which waits one second for headers and two for bodies here."""

import time
from contextlib import ExitStack

import pytest

from tests.service.support.problems import assert_problem
from tests.service.support.process import Server, wait_until
from tests.service.support.raw import Connection, connect, request
from tests.support.images import encode, solid

RED = encode(solid("red"), "PNG")
LIVE = request("GET", "/health/live")
PREDICT = request("POST", "/v1/predict", RED, content_type="image/png")


def assert_alive(server: Server) -> None:
    assert server.running.ask("GET", "/health/live") == (200, {"status": "live"})


def assert_refused(connection: Connection, status: int, kind: str) -> None:
    """A problem, and the end of the connection."""
    response = connection.response()
    assert_problem(response, status, kind)
    assert response.headers["connection"] == "close"
    assert connection.closed()


def test_several_requests_on_one_connection(server: Server) -> None:
    with connect(server.running.port) as connection:
        for _ in range(3):
            connection.send(PREDICT)
            assert connection.response().status_code == 200
            connection.send(LIVE)
            assert connection.response().status_code == 200


def test_requests_sent_ahead_are_answered_in_their_order(server: Server) -> None:
    colours = ["red", "green", "blue"] * 5
    bodies = [encode(solid(colour), "PNG") for colour in colours]
    with connect(server.running.port) as connection:
        connection.send(b"".join(request("POST", "/v1/predict", body, content_type="image/png") for body in bodies))
        answers = [connection.response() for _ in colours]
    assert [colour.encode() in answer.content[:200] for colour, answer in zip(colours, answers, strict=True)] == [
        True
    ] * 15


def test_no_more_requests_are_sent_ahead_than_are_worth_it(server: Server) -> None:
    before = server.running.memory_mb()
    with connect(server.running.port) as connection:
        connection.send(LIVE * 5000)
        answered = 0
        while answered < 5000:
            try:
                assert connection.response().status_code == 200
            except (EOFError, ConnectionResetError):
                break
            answered += 1
    assert 64 <= answered < 5000
    assert server.running.memory_mb() - before < 20


def test_a_client_that_takes_no_answers_is_let_go(server: Server) -> None:
    before = server.descriptors()
    with ExitStack() as stack:
        for _ in range(5):
            connection = stack.enter_context(connect(server.running.port, receive_buffer=4096))
            connection.send(request("GET", "/openapi.json") * 60)
        wait_until(lambda: server.descriptors() >= before + 5)
        wait_until(lambda: server.descriptors() <= before)


def test_a_body_and_the_next_request_in_one_piece_are_no_large_headers(server: Server) -> None:
    body = encode(solid((200, 0, 0), (80, 80)), "BMP")
    assert len(body) > 16_384
    large = request("POST", "/v1/predict", body, content_type="image/bmp")
    with connect(server.running.port) as connection:
        connection.send(large + LIVE[:20])
        assert connection.response().status_code == 200
        connection.send(LIVE[20:])
        assert connection.response().status_code == 200


def test_a_request_one_byte_at_a_time(server: Server) -> None:
    with connect(server.running.port) as connection:
        for byte in LIVE:
            connection.send(bytes([byte]))
        assert connection.response().status_code == 200


def test_headers_that_stop_are_not_waited_for(server: Server) -> None:
    starts = [b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nx-slow: ", b"\r\n"]
    with ExitStack() as stack:
        connections = [stack.enter_context(connect(server.running.port)) for _ in starts]
        for connection, start in zip(connections, starts, strict=True):
            connection.send(start)
        for connection in connections:
            assert_refused(connection, 408, "headers-timeout")


def test_a_connection_on_which_nothing_came_is_closed_without_a_word(server: Server) -> None:
    with connect(server.running.port) as connection:
        assert connection.closed()


def test_nor_on_connections_that_were_kept(server: Server) -> None:
    starts = [b"G", b"GET / HTTP/1.1\r\nx-slow: ", b"\r\n", b"\r\n\r\n\r\n"]
    with ExitStack() as stack:
        connections = [stack.enter_context(connect(server.running.port)) for _ in starts]
        for connection, start in zip(connections, starts, strict=True):
            connection.send(LIVE)
            assert connection.response().status_code == 200
            connection.send(start)
        for connection in connections:
            assert_refused(connection, 408, "headers-timeout")


def test_headers_that_trickle_are_not_waited_for(server: Server) -> None:
    with connect(server.running.port) as connection:
        connection.send(b"GET / HTTP/1.1\r\n")
        for number in range(15):
            connection.send(f"x-{number}: 1\r\n".encode())
            time.sleep(0.1)
        assert_refused(connection, 408, "headers-timeout")


def test_a_kept_connection_that_stays_silent_is_closed_without_a_word(server: Server) -> None:
    with connect(server.running.port) as connection:
        connection.send(LIVE)
        assert connection.response().status_code == 200
        assert connection.closed()


@pytest.mark.parametrize(
    "start",
    [b"GET /", b"GET / HTTP/1.1\r\nx-long: ", b"GET / HTTP/1.1\r\n", b"GET /?"],
    ids=["path", "value", "name", "query"],
)
def test_a_line_that_never_ends_is_cut_off(server: Server, start: bytes) -> None:
    with connect(server.running.port) as connection:
        connection.send(start + b"a" * 5_000_000)
        assert_refused(connection, 431, "headers-too-large")
    assert_alive(server)


def test_the_first_packet_of_headers_counts_too(server: Server) -> None:
    with connect(server.running.port) as connection:
        connection.send(b"GET / HTTP/1.1\r\nx-long: " + b"a" * 17 * 1024)  # one packet, and no more comes
        assert_refused(connection, 431, "headers-too-large")


def test_headers_without_end_are_cut_off(server: Server) -> None:
    with connect(server.running.port) as connection:
        connection.send(b"GET / HTTP/1.1\r\n" + b"x: 1\r\n" * 500_000)
        assert_refused(connection, 431, "headers-too-large")


def test_headers_at_the_limit_are_taken_and_larger_ones_are_not(server: Server) -> None:
    with connect(server.running.port) as connection:
        connection.send(request("GET", "/health/live", x_long="a" * 16_300))
        assert connection.response().status_code == 200
        connection.send(request("GET", "/health/live", x_long="a" * 16_400))
        assert_refused(connection, 431, "headers-too-large")


def test_a_whole_request_that_is_too_large_is_not_answered_though_it_came_in_one_piece(server: Server) -> None:
    many = {f"x-{number}": "1" * 20 for number in range(800)}
    with connect(server.running.port) as connection:
        connection.send(request("GET", "/health/live", **many))
        assert_refused(connection, 431, "headers-too-large")


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
        b"hello\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"BREW / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nx: a\x00b\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 99999999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n",
    ],
)
def test_garbage_is_malformed(server: Server, garbage: bytes) -> None:
    with connect(server.running.port) as connection:
        connection.send(garbage)
        assert_refused(connection, 400, "malformed-request")


def test_a_chunk_of_nonsense_is_malformed(server: Server) -> None:
    head = (
        b"POST /v1/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/png\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    with connect(server.running.port) as connection:
        connection.send(head + b"5\r\nabcde\r\nnonsense\r\n")
        assert_refused(connection, 400, "malformed-request")


@pytest.mark.parametrize(
    "endless", [b"5;" + b"a" * 1_000_000, b"0\r\nx: " + b"a" * 1_000_000, b"0\r\n" + b"x: 1\r\n" * 100_000]
)
def test_what_surrounds_chunks_has_a_limit_too(server: Server, endless: bytes) -> None:
    """An extension or a trailer without end is kept by the parser, and counted by nobody else."""
    head = (
        b"POST /v1/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/png\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    with connect(server.running.port) as connection:
        connection.send(head + b"3\r\nabc\r\n" + endless)
        assert_refused(connection, 431, "headers-too-large")


def test_a_short_trailer_is_taken(server: Server) -> None:
    head = (
        b"POST /v1/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/png\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    with connect(server.running.port) as connection:
        connection.send(head + f"{len(RED):x};a=b\r\n".encode() + RED + b"\r\n0\r\nx-sum: 1\r\n\r\n")
        assert connection.response().status_code == 200


def test_garbage_after_a_request_does_not_take_its_answer_away(server: Server) -> None:
    with connect(server.running.port) as connection:
        connection.send(PREDICT + b"garbage\r\n\r\n")
        assert connection.response().status_code == 200


@pytest.mark.parametrize("upgrade", ["websocket", "h2c"])
def test_another_protocol_is_not_offered(server: Server, upgrade: str) -> None:
    with connect(server.running.port) as connection:
        connection.send(request("GET", "/v1/models", connection="Upgrade", upgrade=upgrade))
        assert connection.response().status_code == 200


def test_the_old_protocol_is_answered_and_its_connection_closed(server: Server) -> None:
    with connect(server.running.port) as connection:
        connection.send(b"GET /health/live HTTP/1.0\r\n\r\n")
        assert connection.response().status_code == 200
        assert connection.closed()


def test_a_refusal_is_logged_with_its_id(server: Server) -> None:
    with connect(server.running.port) as connection:
        connection.send(b"nonsense\r\n\r\n")
        request_id = assert_problem(connection.response(), 400, "malformed-request")["request_id"]
    [line] = server.wait_for_lines("request", id=request_id)
    assert (line["status"], line["problem"]) == (400, "malformed-request")
