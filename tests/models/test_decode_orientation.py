"""EXIF orientation: however a camera was held, the pixels are the same."""

import numpy as np
import pytest
from PIL import Image

from models.decode import Limits, OpenImage
from tests.support import jpeg, png
from tests.support.images import encode, exif, gradient, oriented

ORIENTATIONS = range(1, 9)
# 4:4:4 and whole blocks, so that turning the stored image only turns the blocks.
EXACT = {"JPEG": {"quality": 95, "subsampling": 0}, "PNG": {}, "WEBP": {"lossless": True}}


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(OpenImage(data, Limits()).decode("rgb").image).astype(int)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("image_format", EXACT)
def test_every_orientation_gives_the_upright_image(image_format: str, orientation: int) -> None:
    upright = gradient((32, 24))
    got = pixels(oriented(upright, orientation, image_format, **EXACT[image_format]))
    expected = pixels(encode(upright, image_format, **EXACT[image_format]))
    assert got.shape == expected.shape == (24, 32, 3)
    assert np.abs(got - expected).max() <= (3 if image_format == "JPEG" else 0)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("image_format", ["JPEG", "WEBP"])
def test_the_upright_size_is_known_before_decoding(image_format: str, orientation: int) -> None:
    image = OpenImage(oriented(gradient((32, 24)), orientation, image_format), Limits())
    assert (image.width, image.height) == ((24, 32) if orientation > 4 else (32, 24))
    assert image.upright_size == (32, 24)


@pytest.mark.parametrize("orientation", [0, 9, 255, 65535])
@pytest.mark.parametrize("image_format", EXACT)
def test_an_orientation_that_does_not_exist_reads_as_upright(image_format: str, orientation: int) -> None:
    data = encode(gradient(), image_format, exif=exif(orientation), **EXACT[image_format])
    assert (pixels(data) == pixels(encode(gradient(), image_format, **EXACT[image_format]))).all()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"II",
        b"II*\0",
        b"II*\0\xff\xff\xff\xff",  # the directory lies beyond the end
        b"MM\0*\0\0\0\x08\xff\xff",  # 65,535 entries, and none there
        b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x04cat\0\0\0\0\0",  # orientation "cat"
        b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x00\0\0\0\0\0\0\0\0",  # orientation of no value
        b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x05\0\0\0\x01\xff\xff\xff\xff\0\0\0\0",  # a fraction, far away
        bytes(range(256)),
        b"\xff" * 100,
    ],
)
def test_broken_exif_reads_as_upright(content: bytes) -> None:
    upright = encode(gradient(), "JPEG")
    damaged = jpeg.insert(upright, jpeg.segment(0xE1, b"Exif\0\0" + content))
    assert (pixels(damaged) == pixels(upright)).all()
    upright = encode(gradient(), "PNG")
    assert (pixels(png.insert(upright, png.chunk(b"eXIf", content))) == pixels(upright)).all()


def test_the_thumbnail_inside_exif_is_not_the_image() -> None:
    small, large = encode(Image.new("RGB", (16, 16), "blue"), "JPEG"), encode(Image.new("RGB", (64, 48), "red"), "JPEG")
    image = OpenImage(jpeg.insert(large, jpeg.segment(0xE1, b"Exif\0\0" + small)), Limits())
    assert (image.width, image.height) == (64, 48)
