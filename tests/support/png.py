"""PNG files made by hand: the depths, orders and chunks that Pillow can read but not write."""

import struct
import zlib
from collections.abc import Iterable, Sequence

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
_CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
# Adam7: (first column, first row, column step, row step) of each pass.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))

Row = Sequence[int]


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    """One chunk with its length and checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def header(width: int, height: int, depth: int = 8, colour: int = RGB, interlaced: int = 0) -> bytes:
    """The IHDR chunk."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))


def build(
    rows: Sequence[Row],
    *,
    depth: int = 8,
    colour: int = GREY,
    before: Iterable[bytes] = (),
    after: Iterable[bytes] = (),
    interlaced: bool = False,
) -> bytes:
    """A PNG of ``rows`` of samples; ``before`` and ``after`` are chunks on either side of the pixels."""
    width, height = len(rows[0]) // _CHANNELS[colour], len(rows)
    passes = [_every(rows, one, _CHANNELS[colour]) for one in _PASSES] if interlaced else [rows]
    lines = b"".join(b"\0" + _pack(row, depth) for rows in passes for row in rows if row)
    chunks = [header(width, height, depth, colour, int(interlaced)), *before, chunk(b"IDAT", zlib.compress(lines))]
    return SIGNATURE + b"".join([*chunks, *after, chunk(b"IEND")])


def claim(width: int, height: int) -> bytes:
    """A PNG whose header claims a size that its pixels do not have."""
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 64))
    return SIGNATURE + header(width, height) + pixels + chunk(b"IEND")


def insert(data: bytes, *chunks: bytes) -> bytes:
    """``data`` with ``chunks`` right after its header."""
    end = len(SIGNATURE) + 25
    return data[:end] + b"".join(chunks) + data[end:]


def _every(rows: Sequence[Row], one: tuple[int, int, int, int], channels: int) -> list[list[int]]:
    column, row, across, down = one
    width = len(rows[0]) // channels
    return [
        [line[x * channels + c] for x in range(column, width, across) for c in range(channels)]
        for line in rows[row::down]
    ]


def _pack(row: Row, depth: int) -> bytes:
    """Samples, the first in the highest bits; the last byte is filled with zeros."""
    bits = "".join(f"{sample:0{depth}b}" for sample in row)
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")
