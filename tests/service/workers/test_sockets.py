"""The sockets of all workers on one port."""

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from service.background import HOST
from service.workers.sockets import BALANCED, listen


@contextmanager
def listening(host: str, port: int, workers: int, *, balanced: bool = BALANCED) -> Iterator[list[list[socket.socket]]]:
    opened = listen(host, port, workers, balanced=balanced)
    try:
        yield opened
    finally:
        for own in opened:
            for each in own:
                each.close()


def accepted(listener: socket.socket) -> int:
    """How many connections wait there."""
    listener.settimeout(0.2)
    count = 0
    while True:
        try:
            listener.accept()[0].close()
        except TimeoutError:
            return count
        count += 1


def connect_many(stack: ExitStack, port: int, times: int = 40) -> None:
    for _ in range(times):
        stack.enter_context(socket.create_connection((HOST, port)))


@pytest.mark.skipif(not BALANCED, reason="this kernel does not share connections out")
def test_connections_are_shared_out_and_wait_for_whoever_accepts_them() -> None:
    with listening(HOST, 0, 2) as opened, ExitStack() as stack:
        [[one], [other]] = opened
        assert one.getsockname() == other.getsockname()
        connect_many(stack, one.getsockname()[1])
        counts = accepted(one), accepted(other)
        assert sum(counts) == 40
        assert min(counts) > 0


def test_where_the_kernel_does_not_balance_all_share_one() -> None:
    with listening(HOST, 0, 3, balanced=False) as opened, ExitStack() as stack:
        assert len({each.fileno() for [each] in opened}) == 1
        connect_many(stack, opened[0][0].getsockname()[1])
        assert accepted(opened[2][0]) == 40


@pytest.mark.parametrize("balanced", [BALANCED, False])
def test_a_port_of_another_service_is_taken(balanced: bool) -> None:
    with listening(HOST, 0, 2, balanced=balanced) as opened:
        port = opened[0][0].getsockname()[1]
        for workers in (1, 2):
            with pytest.raises(OSError, match="in use") as caught:
                listen(HOST, port, workers)
            assert caught.value.errno == errno.EADDRINUSE


def test_a_port_can_be_taken_again_at_once() -> None:
    with listening(HOST, 0, 2) as opened, ExitStack() as stack:
        port = opened[0][0].getsockname()[1]
        connect_many(stack, port, 4)
        for [each] in opened:
            accepted(each)  # the server's end is closed first, and lingers
    with listening(HOST, port, 2):
        pass


def test_every_address_of_a_name_is_listened_on() -> None:
    families = {info[0] for info in socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)}
    with listening("localhost", 0, 2) as opened:
        for own in opened:
            assert {each.family for each in own} == families
        assert len({each.getsockname()[1] for own in opened for each in own}) == 1
