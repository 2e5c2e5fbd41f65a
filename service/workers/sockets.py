"""The listening sockets of all workers on one port."""

import socket
import sys

_BACKLOG = 2048  # uvicorn's own; the kernel may allow less
# Linux shares connections out among the sockets of a port. Elsewhere one of them would get them all.
BALANCED = sys.platform == "linux"


def listen(host: str, port: int, workers: int, *, balanced: bool = BALANCED) -> list[list[socket.socket]]:
    """Open the sockets of each worker: one for each address of ``host``, on ``port``, or on a free one when that is 0.

    They are opened here so that they outlive the workers: who connects while one is replaced waits for its successor.
    Where the kernel does not balance, all workers share the same. Raises OSError when the port is taken.
    """
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    families = dict.fromkeys((info[0], info[4][0]) for info in addresses)
    opened: list[list[socket.socket]] = [[] for _ in range(workers)]
    for family, address in families:
        # Without sharing first: two services would share a port by mistake.
        port = _free(family, str(address), port)
        shared = None if balanced and workers > 1 else _open(family, str(address), port, reuse_port=False)
        for own in opened:
            own.append(shared or _open(family, str(address), port, reuse_port=True))
    for own in opened:
        for each in own:
            each.listen(_BACKLOG)
    return opened


def _free(family: int, address: str, port: int) -> int:
    with _open(family, address, port, reuse_port=False) as probe:
        probe.listen()
        number: int = probe.getsockname()[1]
        return number


def _open(family: int, address: str, port: int, *, reuse_port: bool) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuse_port:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if family == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        opened.bind((address, port))
    except OSError:
        opened.close()
        raise
    return opened
