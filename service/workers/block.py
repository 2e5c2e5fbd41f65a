"""Bytes that one process writes again and again and that others read, in memory that they share."""

import zlib

_HALF = 256 * 1024  # memory that nobody has written to takes none
_HEADER = 64  # before each half, and before both
_VERSION = 0
_LENGTH, _CHECKSUM, _WRITER = range(3)
_WORD = 8
_ATTEMPTS = 10


class Block:
    """The latest of what one process has written.

    There are two halves, and the one that is not the latest is written: a process that is killed in the middle leaves
    the other whole. Who reads while both are written again sees it by the checksum.
    """

    SIZE = _HEADER + 2 * _HALF
    LARGEST = _HALF - _HEADER

    def __init__(self, memory: memoryview) -> None:
        self._version = memory[:_HEADER].cast("q")  # how often it was written; the last bit says which half is latest
        self._halves = [memory[_HEADER + half * _HALF :][:_HALF] for half in (0, 1)]
        self._headers = [half[:_HEADER].cast("q") for half in self._halves]

    def write(self, data: bytes, writer: int) -> None:
        """Replace what is there; ``data`` has at most ``LARGEST`` bytes. One process writes at a time."""
        version = self._version[_VERSION] + 1
        header, half = self._headers[version % 2], self._halves[version % 2]
        half[_HEADER : _HEADER + len(data)] = data
        header[_LENGTH], header[_CHECKSUM], header[_WRITER] = len(data), zlib.crc32(data), writer
        self._version[_VERSION] = version

    def read(self) -> tuple[bytes, int] | None:
        """The latest whole bytes and who wrote them; None when there are none."""
        for _ in range(_ATTEMPTS if self._version[_VERSION] else 0):
            latest = self._version[_VERSION] % 2
            length, checksum, writer = self._headers[latest][: _WRITER + 1]
            data = bytes(self._halves[latest][_HEADER : _HEADER + length])
            if zlib.crc32(data) == checksum:
                return data, writer
        return None
