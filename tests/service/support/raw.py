"""A client on a bare socket, for what well-behaved clients never send."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from service.background import HOST

_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class RawResponse:
    """One answer as it came."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes


class Connection:
    """One connection, on which anything can be sent."""

    def __init__(self, port: int, receive_buffer: int | None) -> None:
        self._socket = socket.socket()
        self._socket.settimeout(_PATIENCE_S)
        if receive_buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.connect((HOST, port))
        self._file = self._socket.makefile("rb")

    def send(self, data: bytes) -> None:
        """Send as it is; a server that has hung up already is none of the sender's business."""
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return

    def response(self, *, to_head: bool = False) -> RawResponse:
        """Read one answer, ``to_head`` without a body; raises EOFError when the server closed the connection."""
        status_line = self._file.readline()
        if not status_line:
            raise EOFError
        headers = dict(self._headers())
        content = b"" if to_head else self._file.read(int(headers.get("content-length", "0")))
        return RawResponse(int(status_line.split()[1]), headers, content)

    def until(self, end: bytes) -> bytes:
        """What comes up to ``end`` and with it; raises EOFError when the server closes the connection before."""
        found = b""
        while not found.endswith(end):
            if not (byte := self._file.read(1)):
                raise EOFError
            found += byte
        return found

    def closed(self) -> bool:
        """Whether the server closes the connection, having sent nothing more."""
        try:
            return self._file.read(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._socket.close()

    def _headers(self) -> Iterator[tuple[str, str]]:
        while (line := self._file.readline().decode("ascii").strip()) != "":
            name, _, value = line.partition(":")
            yield name.lower(), value.strip()


@contextmanager
def connect(port: int, receive_buffer: int | None = None) -> Iterator[Connection]:
    """Open a connection to the server, and close it in the end."""
    connection = Connection(port, receive_buffer)
    try:
        yield connection
    finally:
        connection.close()


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """The bytes of a well-formed request."""
    given = {"host": "localhost", "content-length": str(len(body))} | headers
    lines = [f"{method} {path} HTTP/1.1", *(f"{name.replace('_', '-')}: {value}" for name, value in given.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
