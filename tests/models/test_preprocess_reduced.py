"""A JPEG may be decoded at 1/2, 1/4 or 1/8: nearly the same pixels for a fraction of the cost."""

import numpy as np
import pytest

from models.decode import Limits, OpenImage
from models.manifest import InputSpec
from models.preprocess import load_pixels
from tests.support import jpeg
from tests.support.images import encode, oriented, photo

# Measured over these photographs, all policies, filters and orientations, and rounded up.
MEAN, WORST = 0.5, 10

# Sides that 2, 4 and 8 divide, and sides that leave a fraction of a pixel.
PHOTOS = {
    "astronaut": photo("astronaut.png"),  # 512 x 512
    "chelsea": photo("chelsea.png"),  # 451 x 300
    "coffee": photo("coffee.png", (607, 409)),
    "rocket": photo("rocket.jpg"),  # 640 x 427, nearly black
}
SIZES = [(28, 28), (32, 48), (64, 64), (75, 33)]


def written_as(name: str, **options: object) -> tuple[bytes, bytes]:
    """A photograph as JPEG, and what a full decode of that JPEG gives, without loss."""
    data = encode(PHOTOS[name], "JPEG", quality=92, **options)
    full = OpenImage(data, Limits()).decode("rgb").image
    return data, encode(full, "BMP")


def difference(data: bytes, full: bytes, spec: InputSpec) -> np.ndarray:
    return np.abs(load_pixels(data, spec).astype(int) - load_pixels(full, spec))


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("filter_name", ["bilinear", "bicubic", "lanczos"])
def test_the_reduced_decode_gives_nearly_the_same_pixels(name: str, resize: str, filter_name: str) -> None:
    data, full = written_as(name)
    for height, width in SIZES:
        for fraction in (1.0, 0.875) if resize == "crop" else (1.0,):
            spec = InputSpec(height=height, width=width, resize=resize, filter=filter_name, crop_fraction=fraction)
            differs = difference(data, full, spec)
            assert differs.mean() < MEAN
            assert differs.max() <= WORST


@pytest.mark.parametrize("name", ["chelsea", "rocket"])
@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_fraction_of_a_pixel_turns_with_the_image(name: str, resize: str, orientation: int) -> None:
    data = oriented(PHOTOS[name], orientation, "JPEG", quality=92)
    full = encode(OpenImage(data, Limits()).decode("rgb").image, "BMP")
    for height, width in SIZES[1:3]:
        differs = difference(data, full, InputSpec(height=height, width=width, resize=resize))
        assert differs.mean() < MEAN
        assert differs.max() <= WORST


@pytest.mark.parametrize("options", [{"progressive": True}, {"subsampling": 0}, {"subsampling": 2}])
def test_however_the_jpeg_is_written(options: dict[str, object]) -> None:
    data, full = written_as("chelsea", **options)
    assert difference(data, full, InputSpec(height=32, width=32)).mean() < MEAN


def test_grey_and_cmyk_jpegs_are_reduced_as_well() -> None:
    for mode in ("L", "CMYK"):
        data = encode(PHOTOS["chelsea"].convert(mode), "JPEG", quality=92)
        full = encode(OpenImage(data, Limits()).decode("rgb").image, "PNG")
        assert difference(data, full, InputSpec(height=32, width=32)).mean() < MEAN


def test_nearest_finds_the_pixels_as_they_are() -> None:
    data, full = written_as("chelsea")
    assert difference(data, full, InputSpec(height=32, width=32, filter="nearest")).max() == 0


def test_an_image_that_is_not_large_enough_is_decoded_in_full() -> None:
    data, full = written_as("chelsea")
    assert difference(data, full, InputSpec(height=150, width=150)).max() == 0


@pytest.mark.parametrize(
    ("at_least", "size", "extent"),
    [
        ((2000, 1200), (2000, 1209), (2000, 1209)),
        ((1000, 600), (1000, 605), (1000, 604.5)),
        ((999, 600), (1000, 605), (1000, 604.5)),
        ((501, 303), (1000, 605), (1000, 604.5)),
        ((500, 302), (500, 303), (500, 302.25)),
        ((250, 151), (250, 152), (250, 151.125)),
        ((1, 1), (250, 152), (250, 151.125)),  # libjpeg goes no further
    ],
)
def test_the_scale_is_the_smallest_that_is_enough(
    at_least: tuple[int, int], size: tuple[int, int], extent: tuple[float, float]
) -> None:
    decoded = OpenImage(jpeg.claim(2000, 1209), Limits()).decode("rgb", at_least)
    assert decoded.image.size == size
    assert decoded.extent == (0, 0, *extent)


@pytest.mark.parametrize(
    ("resize", "at_least"),
    [("stretch", (96, 96)), ("crop", (960, 96)), ("pad", (96, 10))],
)
def test_what_is_enough_depends_on_what_will_be_used(
    resize: str, at_least: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 4000 x 400 pixels, crop takes 400 x 400 and pad shrinks both sides by 125."""
    asked: list[object] = []
    real = OpenImage.decode
    monkeypatch.setattr(OpenImage, "decode", lambda *a, at_least: asked.append(at_least) or real(*a, at_least=at_least))
    load_pixels(jpeg.claim(4000, 400), InputSpec(height=32, width=32, resize=resize))
    assert asked == [at_least]


@pytest.mark.parametrize(
    ("orientation", "size", "extent"),
    [
        (1, (126, 51), (0, 0, 125.125, 50.5)),
        (2, (126, 51), (0.875, 0, 126, 50.5)),
        (3, (126, 51), (0.875, 0.5, 126, 51)),
        (4, (126, 51), (0, 0.5, 125.125, 51)),
        (5, (51, 126), (0, 0, 50.5, 125.125)),
        (6, (51, 126), (0.5, 0, 51, 125.125)),
        (7, (51, 126), (0.5, 0.875, 51, 126)),
        (8, (51, 126), (0, 0.875, 50.5, 126)),
    ],
)
def test_the_extent_for_each_orientation(
    orientation: int, size: tuple[int, int], extent: tuple[float, float, float, float]
) -> None:
    tagged = oriented(photo(size=(8, 8)), orientation, "JPEG")
    at = tagged.index(b"\xff\xc0") + 5
    lying = tagged[:at] + (404).to_bytes(2, "big") + (1001).to_bytes(2, "big") + tagged[at + 4 :]
    decoded = OpenImage(lying, Limits()).decode("rgb", (1, 1))
    assert (decoded.image.size, decoded.extent) == (size, extent)
