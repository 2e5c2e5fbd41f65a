"""Every limit on one image: what stands at the edge passes, one beyond is refused, before it costs anything."""

import io
import zlib
from dataclasses import replace

import pytest
from PIL import Image

from models.decode import Limits, OpenImage
from models.errors import ImageError, ImageTooLarge, UndecodableImage
from models.manifest import InputSpec
from models.preprocess import load_pixels
from tests.support import jpeg, png
from tests.support.images import encode, gradient, samples, solid
from tests.support.memory import decoding_cost

LIMITS = Limits()
SMALL = InputSpec(height=32, width=32)
MEGABYTE = 1_000_000


def sized(image_format: str, width: int, height: int) -> bytes:
    """A small file whose header claims a size; its pixels are missing or grey."""
    if image_format == "JPEG":
        return jpeg.claim(width, height)
    if image_format == "PNG":
        return png.claim(width, height)
    data = bytearray(encode(solid("grey"), image_format))
    if image_format == "GIF":
        size = width.to_bytes(2, "little") + height.to_bytes(2, "little")
        frame = data.index(b",\0\0\0\0") + 5
        data[6:10] = data[frame : frame + 4] = size
    if image_format == "BMP":
        data[18:26] = width.to_bytes(4, "little") + height.to_bytes(4, "little")
    return bytes(data)


def test_the_defaults_are_the_documented_ones() -> None:
    assert (LIMITS.max_bytes, LIMITS.max_pixels, LIMITS.max_side) == (10_000_000, 50_000_000, 16_384)
    assert (LIMITS.max_jpeg_scans, LIMITS.max_parts, LIMITS.max_png_compressed) == (100, 10_000, 100)


def test_10_million_bytes_pass_and_one_more_does_not() -> None:
    data = encode(gradient(), "BMP")
    padded = data + bytes(LIMITS.max_bytes - len(data))
    assert OpenImage(padded, LIMITS).width == 32
    with pytest.raises(ImageTooLarge, match="10,000,001 bytes"):
        OpenImage(padded + b"\0", LIMITS)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "GIF", "BMP"])
def test_50_million_pixels_pass_and_more_do_not(image_format: str) -> None:
    assert OpenImage(sized(image_format, 10_000, 5_000), LIMITS).width == 10_000
    with pytest.raises(ImageTooLarge, match="50,010,000 pixels"):
        OpenImage(sized(image_format, 10_002, 5_000), LIMITS)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "GIF", "BMP"])
@pytest.mark.parametrize(("width", "height"), [(16_384, 1), (1, 16_384)])
def test_a_side_of_16384_passes_and_one_more_does_not(image_format: str, width: int, height: int) -> None:
    assert OpenImage(sized(image_format, width, height), LIMITS).height == height
    wider, taller = width + (width > 1), height + (height > 1)
    with pytest.raises(ImageTooLarge, match="a side must be 1 to 16,384"):
        OpenImage(sized(image_format, wider, taller), LIMITS)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "GIF", "BMP"])
@pytest.mark.parametrize(("width", "height"), [(0, 9), (9, 0), (0, 0)])
def test_a_side_of_nothing_is_refused(image_format: str, width: int, height: int) -> None:
    with pytest.raises(ImageError):
        load_pixels(sized(image_format, width, height), SMALL)


@pytest.mark.parametrize("side", [10_000, 14_000, 65_535], ids=["100 million", "196 million", "4 billion"])
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "GIF", "BMP"])
def test_pixels_beyond_pillows_own_limits_get_the_same_error(image_format: str, side: int) -> None:
    """Pillow warns from 89 million pixels on and raises from 179 million on."""
    with pytest.raises(ImageTooLarge):
        OpenImage(sized(image_format, side, side), replace(LIMITS, max_side=70_000))


def test_a_webp_of_the_largest_canvas_is_refused_before_memory_is_taken() -> None:
    data = bytearray(encode(gradient(), "WEBP", lossless=True, exif=b"Exif\0\0"))
    data[24:30] = (16_383 - 1).to_bytes(3, "little") * 2
    with pytest.raises(ImageError):
        load_pixels(bytes(data), SMALL)
    assert decoding_cost(bytes(data), SMALL) < 10 * MEGABYTE


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 1000), (1000, 1), (1, 16_384), (16_384, 1)])
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
def test_the_thinnest_images_answer(width: int, height: int, image_format: str, resize: str) -> None:
    if image_format == "WEBP" and max(width, height) == 16_384:
        width, height = min(width, 16_383), min(height, 16_383)  # the most that WebP can say
    data = encode(solid("white", (width, height)), image_format)
    pixels = load_pixels(data, InputSpec(height=7, width=5, resize=resize, pad_value=255))
    assert pixels.shape == (7, 5, 3)
    assert pixels.min() > 250


def test_100_scans_pass_and_101_do_not() -> None:
    accepted, refused = jpeg.with_scans(100), jpeg.with_scans(101)
    assert (jpeg.scans(accepted), jpeg.scans(refused)) == (100, 101)
    assert load_pixels(accepted, SMALL).std() > 10
    with pytest.raises(ImageTooLarge, match="more than 100 scans"):
        OpenImage(refused, LIMITS)


@pytest.mark.parametrize("width", [7000, 5000])
def test_a_few_hundred_bytes_do_not_cost_the_memory_that_they_claim(width: int) -> None:
    """In full they decode to 272 MB and more."""
    data = jpeg.claim(width, width)
    assert len(data) < 700
    assert decoding_cost(data, SMALL) < 20 * MEGABYTE
    assert decoding_cost(data, InputSpec(height=224, width=224, resize="crop")) < 40 * MEGABYTE


def test_a_transparent_image_at_the_limit_costs_little_more_than_its_pixels() -> None:
    """Its RGBA pixels take 200 MB and the RGB ones as much; Pillow's own way to lay them over white takes 764 MB."""
    row = b"\0" + bytes(4 * 7071)
    squeeze = zlib.compressobj(1)
    lines = b"".join(squeeze.compress(row) for _ in range(7071)) + squeeze.flush()
    data = png.SIGNATURE + png.header(7071, 7071, colour=png.RGBA) + png.chunk(b"IDAT", lines) + png.chunk(b"IEND")
    assert decoding_cost(data, SMALL) < 450 * MEGABYTE


@pytest.mark.parametrize("name", samples())
def test_limits_are_what_they_are_set_to(name: str) -> None:
    data = samples()[name]
    tight = Limits(max_bytes=len(data), max_pixels=32 * 24, max_side=32)
    assert OpenImage(data, tight).format == name.split(maxsplit=1)[0].upper()
    for change in ({"max_bytes": len(data) - 1}, {"max_pixels": 32 * 24 - 1}, {"max_side": 31}):
        with pytest.raises(ImageTooLarge):
            OpenImage(data, replace(tight, **change))


def test_an_empty_gif_is_no_image() -> None:
    with pytest.raises(UndecodableImage):
        OpenImage(b"GIF89a" + bytes(7) + b";", LIMITS)


def test_pillow_really_reads_the_scans_that_are_counted() -> None:
    """Else the test above would count what nobody decodes."""
    with Image.open(io.BytesIO(jpeg.with_scans(101))) as image:
        image.load()
