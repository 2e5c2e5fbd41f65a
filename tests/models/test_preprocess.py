"""From an image to the pixels of the graph: geometry by small exact examples, filters as Pillow has them."""

import random

import numpy as np
import pytest
from PIL import Image

from models import resize as resizing
from models.decode import Limits
from models.errors import ImageTooLarge, UndecodableImage
from models.manifest import InputSpec
from models.preprocess import load_pixels
from tests.support.images import encode, gradient, photo

RESIZES = ("stretch", "crop", "pad")
FILTERS = ("nearest", "bilinear", "bicubic", "lanczos")


def grey(rows: list[list[int]]) -> bytes:
    return encode(Image.fromarray(np.array(rows, np.uint8)), "PNG")


def resized(rows: list[list[int]], height: int, width: int, **policy: object) -> list[list[int]]:
    spec = InputSpec(height=height, width=width, colour="grey", **policy)
    return load_pixels(grey(rows), spec)[:, :, 0].tolist()


def test_stretch_ignores_the_aspect() -> None:
    assert resized([[10, 20]], 2, 4, filter="nearest") == [[10, 10, 20, 20]] * 2


def test_crop_takes_the_middle_of_a_wide_image() -> None:
    assert resized([[1, 2, 3, 4, 5, 6]] * 2, 2, 2, resize="crop", filter="nearest") == [[3, 4]] * 2


def test_crop_takes_the_middle_of_a_tall_image() -> None:
    tall = [[value] * 2 for value in range(6)]
    assert resized(tall, 2, 2, resize="crop", filter="nearest") == [[2, 2], [3, 3]]


def test_crop_takes_the_aspect_of_the_input() -> None:
    square = [[row * 10 + column for column in range(4)] for row in range(4)]
    assert resized(square, 2, 4, resize="crop", filter="nearest") == [[10, 11, 12, 13], [20, 21, 22, 23]]


def test_crop_fraction_leaves_a_margin() -> None:
    square = [[row * 10 + column for column in range(4)] for row in range(4)]
    assert resized(square, 2, 2, resize="crop", crop_fraction=0.5, filter="nearest") == [[11, 12], [21, 22]]


def test_pad_fits_the_whole_image_and_fills_the_rest() -> None:
    assert resized([[1, 2, 3, 4]], 4, 4, resize="pad", pad_value=9) == [[9] * 4, [1, 2, 3, 4], [9] * 4, [9] * 4]
    assert resized([[1], [2], [3]], 3, 4, resize="pad", pad_value=7) == [[7, 1, 7, 7], [7, 2, 7, 7], [7, 3, 7, 7]]


def test_pad_enlarges_a_small_image_as_far_as_it_fits() -> None:
    assert resized([[5, 6]], 4, 4, resize="pad", filter="nearest") == [[0] * 4, [5, 5, 6, 6], [5, 5, 6, 6], [0] * 4]


def test_pad_keeps_at_least_one_line_of_the_thinnest_image() -> None:
    assert resized([[200] * 100], 4, 4, resize="pad") == [[0] * 4, [200] * 4, [0] * 4, [0] * 4]


def test_pad_fills_every_channel() -> None:
    pixels = load_pixels(
        encode(Image.new("RGB", (2, 1), "red"), "PNG"), InputSpec(height=2, width=2, resize="pad", pad_value=3)
    )
    assert pixels.tolist() == [[[255, 0, 0]] * 2, [[3, 3, 3]] * 2]


@pytest.mark.parametrize("filter_name", FILTERS)
@pytest.mark.parametrize("size", [(5, 7), (64, 48), (300, 200)], ids=["smaller", "near", "larger"])
def test_filters_are_pillows(monkeypatch: pytest.MonkeyPatch, filter_name: str, size: tuple[int, int]) -> None:
    monkeypatch.setattr(resizing, "simd", None)  # test_resize.py compares the two
    image = photo(size=(60, 45))
    width, height = size
    expected = np.asarray(image.resize(size, Image.Resampling[filter_name.upper()]))
    spec = InputSpec(height=height, width=width, filter=filter_name)
    assert np.array_equal(load_pixels(encode(image, "PNG"), spec), expected)


@pytest.mark.parametrize("resize", RESIZES)
@pytest.mark.parametrize("filter_name", FILTERS)
@pytest.mark.parametrize("colour", ["rgb", "grey"])
def test_an_image_of_the_right_size_is_not_touched(resize: str, filter_name: str, colour: str) -> None:
    image = photo(size=(40, 30))
    expected = np.asarray(image if colour == "rgb" else image.convert("L")).reshape(30, 40, -1)
    spec = InputSpec(height=30, width=40, resize=resize, filter=filter_name, colour=colour)
    assert np.array_equal(load_pixels(encode(image, "PNG"), spec), expected)


@pytest.mark.parametrize("colour", ["rgb", "grey"])
def test_pixels_are_what_the_graph_takes(colour: str) -> None:
    spec = InputSpec(height=6, width=9, colour=colour)
    pixels = load_pixels(encode(gradient(), "JPEG"), spec)
    assert (pixels.shape, pixels.dtype) == ((6, 9, 3 if colour == "rgb" else 1), np.uint8)
    assert pixels.flags.c_contiguous


def test_any_size_goes_into_any_size() -> None:
    """Rounding must never ask Pillow for a box outside the image, nor leave an empty one."""
    source = random.Random(1)  # noqa: S311 - must repeat, not be secret
    for _ in range(1500):
        width, height = source.randint(1, 70), source.randint(1, 70)
        spec = InputSpec(
            height=source.randint(1, 40),
            width=source.randint(1, 40),
            resize=source.choice(RESIZES),
            filter=source.choice(FILTERS),
            crop_fraction=source.choice((1, 0.875, 0.01, source.uniform(0.01, 1))),
            pad_value=200,
        )
        pixels = load_pixels(encode(Image.new("L", (width, height), 200), "BMP"), spec)
        assert pixels.shape == spec.shape
        assert (pixels == 200).all()


def test_errors_of_decoding_come_through() -> None:
    spec = InputSpec(height=8, width=8)
    with pytest.raises(UndecodableImage):
        load_pixels(encode(gradient(), "PNG")[:-40], spec)
    with pytest.raises(ImageTooLarge):
        load_pixels(encode(gradient(), "PNG"), spec, Limits(max_pixels=100))
