import asyncio
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.serving.errors import LoadFailed
from benchmarks.serving.serving import summary
from benchmarks.serving.wrk import Message, closed_loop, open_loop, parse_closed, parse_open

needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")

CLOSED = """\
Running 2s test @ http://127.0.0.1:8000/
  4010 requests in 2.00s, 1.45MB read

{"requests": 4010, "duration": 2000000, "p50": 700, "p99": 9000, "max": 12000, \
"status": 10, "connect": 1, "read": 2, "write": 0, "timeout": 0}
"""
OPEN = """\
Running 4s test @ http://127.0.0.1:8000/
  4 requests in 4.00s, 1.45KB read

answer 200 0.100000 0.000100 0.150000
answer 429 0.004000 0.000100 0.154000
answer 200 1.900000 0.001000 2.050000
answer 503 0.003000 0.000100 0.160000
sent 7
resent 1
lost 1
cores 0.0500
"""


def test_what_a_closed_loop_printed() -> None:
    found = parse_closed(CLOSED, computed=0.1)
    assert (found.good, found.rate, found.cores) == (4000, 2000, 0.05)
    assert (found.p50, found.p99, found.longest) == (0.0007, 0.009, 0.012)
    assert found.errors == {"status": 10, "connect": 1, "read": 2, "write": 0, "timeout": 0}


def test_what_an_open_loop_printed() -> None:
    found = parse_open(OPEN, seconds=2)
    assert (found.sent, found.lost, found.resent, found.cores) == (7, 1, 1, 0.05)
    assert found.latencies(200) == [0.1, 1.9]
    assert found.goodput(deadline=10) == 0.5  # the other came when nothing was sent any more
    assert found.goodput(deadline=0.05) == 0


def test_accepted_and_rejected_are_told_apart() -> None:
    values = summary(parse_open(OPEN, seconds=2))
    assert {name: values[name] for name in ("accepted", "rejected", "other", "lost", "unanswered")} == {
        "accepted": 2,
        "rejected": 1,
        "other": 1,
        "lost": 1,
        "unanswered": 2,
    }
    assert (values["p50"], values["p99"]) == (0.1, 1.9)
    assert values["rejected_p99"] == 0.004


@pytest.fixture
def url() -> Iterator[str]:
    """A server that answers every third request 429, and the others after 50 ms."""
    count = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
                count += 1
                refused = count % 3 == 0
                await asyncio.sleep(0 if refused else 0.05)
                writer.write(f"HTTP/1.1 {429 if refused else 200} x\r\ncontent-length: 0\r\n\r\n".encode())
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(serve, "127.0.0.1", 0), loop).result()
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    loop.call_soon_threadsafe(server.close)
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0.1), loop).result()  # connections end
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def message(tmp_path: Path) -> Message:
    file = tmp_path / "body"
    file.write_bytes(bytes(1000))
    return Message(file, "image/png")


@needs_wrk
def test_a_closed_loop_counts_good_answers_only(url: str, message: Message) -> None:
    found = closed_loop(url, message, connections=4, seconds=1)
    assert found.good > 0
    assert found.errors["status"] == pytest.approx(found.good / 2, abs=6)


@needs_wrk
def test_an_open_loop_sends_what_it_is_to_send(url: str, message: Message) -> None:
    found = open_loop(url, message, rate=90, seconds=0.5, drain=0.4, connections=30)
    assert (found.sent, len(found.answers), found.lost) == (45, 45, 0)
    assert len(found.latencies(200)) == 30
    assert min(found.latencies(200)) >= 0.05


@needs_wrk
def test_latency_counts_from_when_a_request_should_have_been_sent(url: str, message: Message) -> None:
    found = open_loop(url, message, rate=60, seconds=0.5, drain=0.4, connections=1)
    assert found.sent < 30  # one connection answers 20 to 30 a second
    assert max(answer.late for answer in found.answers) > 0.1
    assert all(answer.latency >= answer.late for answer in found.answers)


@needs_wrk
def test_what_wrk_complains_of_is_told(message: Message) -> None:
    with pytest.raises(LoadFailed, match="no such thing"):
        closed_loop("no such thing", message, connections=1, seconds=1)
