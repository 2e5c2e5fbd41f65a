"""The messages between a worker and the engine's process: a length, a kind, and what the kind has to say."""

import asyncio
import struct
from abc import ABC, abstractmethod
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from pydantic_core import from_json, to_json

from models.errors import WhatsitError
from service.errors import InferenceFailed

_HEAD = struct.Struct("<IBQ")  # the length of the rest, the kind, the number of the request
_INFER = struct.Struct("<IQd?")
_ROW = struct.Struct("<ddI")
_LONGEST = 64 << 20


class Kind(IntEnum):
    """A worker sends the first four; each of OPEN and INFER is answered once, by one of the others."""

    OPEN = 1
    INFER = 2
    CANCEL = 3
    CLOSE = 4  # its number is that of a handle
    OPENED = 5
    ROW = 6
    FAILED = 7


class Infer(NamedTuple):
    """An image: which version is to run, where its pixels are, until when, and whether it comes before others."""

    handle: int
    offset: int
    deadline: float
    urgent: bool


def message(kind: Kind, number: int, content: bytes = b"") -> bytes:
    """The bytes of one message."""
    return _HEAD.pack(len(content), kind, number) + content


def pack_infer(infer: Infer) -> bytes:
    """The content of INFER."""
    return _INFER.pack(*infer)


def unpack_infer(content: bytes) -> Infer:
    """What INFER says."""
    return Infer(*_INFER.unpack(content))


def pack_row(row: bytes, queue_s: float, run_s: float, batch: int) -> bytes:
    """The content of ROW; ``row`` is float32."""
    return _ROW.pack(queue_s, run_s, batch) + row


def unpack_row(content: bytes) -> tuple[bytes, float, float, int]:
    """What ROW says."""
    return content[_ROW.size :], *_ROW.unpack_from(content)


def pack_error(error: BaseException) -> bytes:
    """The content of FAILED; what is no error of ours is told by its text alone."""
    known = isinstance(error, WhatsitError)
    return to_json({"error": type(error).__name__ if known else "", "detail": str(error)})


def unpack_error(content: bytes) -> WhatsitError:
    """The error that FAILED tells of."""
    told = from_json(content)
    kind = {kind.__name__: kind for kind in _all_kinds(WhatsitError)}.get(told["error"], InferenceFailed)
    return kind(told["detail"])


class Messages(asyncio.Protocol, ABC):
    """One end of a connection; ``receive`` is called with each message that came whole."""

    def __init__(self) -> None:
        self._unread = bytearray()

    @abstractmethod
    def receive(self, kind: Kind, number: int, content: bytes) -> None:
        """Handle one message."""

    def data_received(self, data: bytes) -> None:
        """Cut what arrives into messages."""
        self._unread += data
        for kind, number, content in self._whole():
            self.receive(kind, number, content)

    def _whole(self) -> Iterator[tuple[Kind, int, bytes]]:
        at = 0
        while len(self._unread) - at >= _HEAD.size:
            length, kind, number = _HEAD.unpack_from(self._unread, at)
            if length > _LONGEST:
                raise ValueError(f"a message of {length:,} bytes")
            end = at + _HEAD.size + length
            if len(self._unread) < end:
                break
            yield Kind(kind), number, bytes(self._unread[at + _HEAD.size : end])
            at = end
        del self._unread[:at]


def _all_kinds(root: type[WhatsitError]) -> Iterator[type[WhatsitError]]:
    yield root
    for kind in root.__subclasses__():
        yield from _all_kinds(kind)
