"""PNG has the most ways to write a pixel: depths, keys of transparency, interlacing."""

import random
import struct

import numpy as np
import pytest
from PIL import Image

from models.decode import Limits, OpenImage
from models.errors import UndecodableImage
from tests.support import png
from tests.support.images import encode, exif, gradient, photo


def pixels(data: bytes, colour: str = "rgb") -> np.ndarray:
    return np.asarray(OpenImage(data, Limits()).decode(colour).image)


def transparent(*samples: int) -> bytes:
    return png.chunk(b"tRNS", struct.pack(f">{len(samples)}H", *samples))


def random_rows(channels: int, depth: int, width: int = 21, height: int = 13) -> list[list[int]]:
    source = random.Random(depth * 10 + channels)  # noqa: S311 - must repeat, not be secret
    return [[source.randrange(2**depth) for _ in range(width * channels)] for _ in range(height)]


@pytest.mark.parametrize("colour", [png.GREY, png.RGB, png.GREY_ALPHA, png.RGBA])
@pytest.mark.parametrize("wanted", ["rgb", "grey"])
def test_16_bits_give_the_same_as_the_copy_of_their_high_bytes(colour: int, wanted: str) -> None:
    channels = {png.GREY: 1, png.RGB: 3, png.GREY_ALPHA: 2, png.RGBA: 4}[colour]
    deep = random_rows(channels, 16)
    shallow = [[sample >> 8 for sample in row] for row in deep]
    got = pixels(png.build(deep, depth=16, colour=colour), wanted)
    assert (got == pixels(png.build(shallow, colour=colour), wanted)).all()
    assert got.std() > 20  # not clipped to white


@pytest.mark.parametrize("mode", ["I;16", "I;16B"])
def test_16_bit_grey_written_by_pillow(mode: str) -> None:
    grey = gradient().convert("L")
    deep = np.asarray(grey).astype(np.uint16) * 256 + 7
    order = ">u2" if mode == "I;16B" else "<u2"
    image = Image.frombytes(mode, grey.size, deep.astype(order).tobytes())
    assert (pixels(encode(image, "PNG"), "grey") == np.asarray(grey)).all()


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_grey_of_few_bits_spans_black_to_white(depth: int) -> None:
    most = 2**depth - 1
    got = pixels(png.build([[0, most // 2, most]], depth=depth), "grey")
    assert got.tolist() == [[0, most // 2 * (255 // most), 255]]


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_the_transparent_grey_is_white_whatever_the_depth(depth: int) -> None:
    most = 2**depth - 1
    for key in {0, 1, most // 2, most}:
        others = [sample for sample in {0, 1, most // 2, most} if sample != key]
        data = png.build([[key, *others]], depth=depth, before=[transparent(key)])
        plain = png.build([[key, *others]], depth=depth)
        assert pixels(data)[0, 0].tolist() == [255, 255, 255]
        assert (pixels(data)[0, 1:] == pixels(plain)[0, 1:]).all()


def test_a_grey_beside_the_transparent_one_stays() -> None:
    data = png.build([[0x1234, 0x1235]], depth=16, before=[transparent(0x1234)])
    assert pixels(data, "grey").tolist() == [[255, 0x12]]


@pytest.mark.parametrize("depth", [8, 16])
def test_the_transparent_colour_is_white(depth: int) -> None:
    high = 256 if depth == 16 else 1
    key, other = [7 * high, 8 * high, 9 * high], [7 * high, 8 * high, 10 * high]
    data = png.build([key + other], depth=depth, colour=png.RGB, before=[transparent(*key)])
    assert pixels(data)[0].tolist() == [[255, 255, 255], [7, 8, 10]]


def test_palette_indices_beyond_the_palette_do_not_break() -> None:
    palette = png.chunk(b"PLTE", bytes([10, 20, 30]))
    assert pixels(png.build([[0, 200]], colour=png.PALETTE, before=[palette]))[0, 0].tolist() == [10, 20, 30]


def test_a_palette_image_without_its_palette_is_refused() -> None:
    with pytest.raises(UndecodableImage):
        pixels(png.build([[0, 1]], colour=png.PALETTE))


@pytest.mark.parametrize("colour", [png.GREY, png.RGB, png.RGBA])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (21, 13)])
def test_interlacing_changes_nothing(colour: int, depth: int, size: tuple[int, int]) -> None:
    channels = {png.GREY: 1, png.RGB: 3, png.RGBA: 4}[colour]
    rows = random_rows(channels, depth, *size)
    interlaced = png.build(rows, depth=depth, colour=colour, interlaced=True)
    assert (pixels(interlaced) == pixels(png.build(rows, depth=depth, colour=colour))).all()


def test_orientation_after_the_pixels_counts_as_well() -> None:
    rows = [[1, 2, 3], [4, 5, 6]]
    block = png.chunk(b"eXIf", exif(6).removeprefix(b"Exif\0\0"))
    for where in ("before", "after"):
        assert pixels(png.build(rows, **{where: [block]}), "grey").tolist() == [[4, 1], [5, 2], [6, 3]]


def test_broken_pixels_are_heard_also_when_the_size_was_asked_first() -> None:
    """Pillow decodes a PNG when asked for its EXIF; what failed there must not come back as half an image."""
    data = bytearray(encode(photo(size=(64, 64)), "PNG"))
    data[data.index(b"IDAT") + 500] ^= 0xFF
    image = OpenImage(bytes(data), Limits())
    assert image.upright_size == (64, 64)
    with pytest.raises(UndecodableImage):
        image.decode("rgb")
