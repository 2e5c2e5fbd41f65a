"""JPEG files made by hand: sizes that lie, scans without end, segments without sense."""

import struct

from PIL import Image

from tests.support.images import encode, gradient

START = b"\xff\xd8"
END = b"\xff\xd9"
_SOF = {0xC0, 0xC1, 0xC2}
_SOS = 0xDA


def segment(code: int, content: bytes = b"") -> bytes:
    """One segment with its marker and length."""
    return struct.pack(">BBH", 0xFF, code, len(content) + 2) + content


def insert(data: bytes, *pieces: bytes) -> bytes:
    """``data`` with ``pieces`` right after its start marker."""
    return data[:2] + b"".join(pieces) + data[2:]


def claim(width: int, height: int, *, mode: str = "RGB", **options: object) -> bytes:
    """A few hundred bytes, whole by all marks, that claim ``width`` x ``height`` pixels; they decode to grey."""
    data = bytearray(encode(Image.new(mode, (8, 8), "grey"), "JPEG", **options))
    position = next(at for at, code in _segments(data) if code in _SOF)
    data[position + 5 : position + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def with_scans(count: int, image: Image.Image | None = None) -> bytes:
    """A progressive JPEG of ``count`` scans: the first one, which holds the coarse picture, again and again."""
    data = encode((image or gradient()).convert("L"), "JPEG", progressive=True)
    starts = [at for at, code in _segments(data) if code == _SOS]
    first = data[starts[0] : _end_of_scan(data, starts[0])]
    return data[: starts[0]] + first * (count - len(starts)) + data[starts[0] :]


def scans(data: bytes) -> int:
    """How many scans a JPEG has."""
    return sum(code == _SOS for _, code in _segments(data))


def _segments(data: bytes) -> list[tuple[int, int]]:
    """Where each segment of a sound JPEG starts, and its code."""
    found, position = [], 2
    while data[position : position + 2] != END:
        code = data[position + 1]
        found.append((position, code))
        if code == _SOS:
            position = _end_of_scan(data, position)
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return found


def _end_of_scan(data: bytes, start: int) -> int:
    position = start + 2
    while not (data[position] == 0xFF and data[position + 1] not in {0x00, *range(0xD0, 0xD8)}):
        position += 1
    return position
