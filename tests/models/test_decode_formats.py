"""Which bytes are images, and what colours they have: the fixed conversions."""

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.BmpImagePlugin import BmpImageFile

from models.decode import Limits, OpenImage, sniff
from models.errors import UndecodableImage, UnsupportedFormat
from tests.support.images import encode, gradient, jpeg, photo, samples, solid

SAMPLES = samples()
OTHERS = {
    "TIFF": encode(gradient(), "TIFF"),
    "TIFF, big-endian": b"MM\x00\x2a" + bytes(60),
    "ICO": encode(gradient(), "ICO"),
    "BLP": b"BLP2\x01\x00\x00\x00" + bytes(276),
    "PSD": b"8BPS\x00\x01" + bytes(60),
    "JPEG 2000": encode(gradient(), "JPEG2000"),
    "AVIF": b"\x00\x00\x00\x20ftypavif" + bytes(60),
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "PDF": b"%PDF-1.7\n",
    "PPM": encode(gradient(), "PPM"),
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "text": b"cat.jpg\n",
    "one byte": b"\xff",
    "the start of a JPEG only": b"\xff\xd8",
    "PNG, first byte missing": SAMPLES["PNG"][1:],
    "PNG, behind a space": b" " + SAMPLES["PNG"],
    "RIFF without WebP": b"RIFF\x24\x00\x00\x00WAVEfmt ",
    "WebP in lower case": b"RIFF\x24\x00\x00\x00webpVP8 ",
    "GIF of another version": b"GIF88a" + bytes(60),
    "zip": b"PK\x03\x04" + bytes(60),
}


def pixels(data: bytes, colour: str = "rgb") -> np.ndarray:
    return np.asarray(OpenImage(data, Limits()).decode(colour).image).astype(int)


@pytest.mark.parametrize("name", SAMPLES)
def test_accepted_formats_are_known_by_their_first_bytes(name: str) -> None:
    image = OpenImage(SAMPLES[name], Limits())
    assert image.format == sniff(SAMPLES[name]) == name.split(maxsplit=1)[0].upper()
    assert (image.width, image.height) == (32, 24)


@pytest.mark.parametrize("name", OTHERS)
def test_other_formats_are_refused_before_pillow_sees_them(name: str) -> None:
    with pytest.raises(UnsupportedFormat):
        OpenImage(OTHERS[name], Limits())


@pytest.mark.parametrize("name", SAMPLES)
def test_pillow_may_try_no_other_format(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file may begin as one format and be broken in a way that another plugin takes for its own."""
    asked: list[object] = []
    real = Image.open
    monkeypatch.setattr(Image, "open", lambda data, formats=None: asked.append(formats) or real(data, formats=formats))
    OpenImage(SAMPLES[name], Limits())
    assert asked == [(sniff(SAMPLES[name]),)]


def test_no_bytes_are_no_image() -> None:
    with pytest.raises(UndecodableImage, match="empty"):
        OpenImage(b"", Limits())


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("colour", ["rgb", "grey"])
def test_every_format_shows_the_same_image(name: str, colour: str) -> None:
    expected = np.asarray(gradient().convert("RGB" if colour == "rgb" else "L")).astype(int)
    if "grey" in name:
        expected = pixels(encode(gradient().convert("L"), "PNG"), colour)
    coarse = "palette" in name or "GIF" in name  # 16 or 256 colours
    assert np.abs(pixels(SAMPLES[name], colour) - expected).mean() < (20 if coarse else 3)


@pytest.mark.parametrize("name", ["PNG", "WebP lossless", "BMP"])
def test_lossless_formats_come_back_exactly(name: str) -> None:
    assert (pixels(SAMPLES[name]) == np.asarray(gradient())).all()


def test_an_rgb_image_is_not_copied() -> None:
    """Pillow's convert would: twice the memory for nothing."""
    assert isinstance(OpenImage(SAMPLES["BMP"], Limits()).decode("rgb").image, BmpImageFile)


@pytest.mark.parametrize("colour", ["rgb", "grey"])
def test_one_bit_is_black_and_white(colour: str) -> None:
    image = Image.new("1", (9, 2))
    image.putpixel((4, 1), 1)
    for image_format in ("PNG", "BMP"):
        got = pixels(encode(image, image_format), colour)
        assert got.max() == got[1, 4].min() == 255
        assert got.sum() == got[1, 4].sum()


@pytest.mark.parametrize("image_format", ["PNG", "WEBP"])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_laid_over_white(image_format: str, mode: str) -> None:
    image = Image.new(mode, (3, 1), (0,) * len(mode))
    for x, alpha in enumerate((0, 128, 255)):
        image.putpixel((x, 0), (0,) * (len(mode) - 1) + (alpha,))
    options = {"lossless": True, "exact": True} if image_format == "WEBP" else {}
    assert pixels(encode(image, image_format, **options))[0].tolist() == [[255] * 3, [127] * 3, [0] * 3]


def test_a_tall_transparent_image_has_no_seams() -> None:
    image = gradient((5, 1000)).convert("RGBA")
    image.putalpha(200)
    white = Image.new("RGBA", image.size, "white")
    expected = np.asarray(Image.alpha_composite(white, image).convert("RGB"))
    assert (pixels(encode(image, "PNG")) == expected).all()


@pytest.mark.parametrize(
    ("image_format", "transparency", "last"),
    [("GIF", 1, 0), ("PNG", 1, 0), ("PNG", bytes([255, 0, 128]), 127)],
    ids=["GIF, one index", "PNG, one index", "PNG, a byte for each"],
)
def test_transparent_palette_entries_are_laid_over_white(
    image_format: str, transparency: int | bytes, last: int
) -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([10, 20, 30, 40, 50, 60, 0, 0, 0])
    for x in range(3):
        image.putpixel((x, 0), x)
    got = pixels(encode(image, image_format, transparency=transparency))
    assert got[0].tolist() == [[10, 20, 30], [255] * 3, [last] * 3]


@pytest.mark.parametrize("adobe", [True, False], ids=["Adobe, inverted", "plain"])
def test_cmyk_jpegs_show_their_colours(adobe: bool) -> None:
    data = encode(solid("orange", (16, 16)).convert("CMYK"), "JPEG", quality=95)
    if not adobe:  # without Adobe's segment the values still count as inverted: so do Pillow and the browsers
        at = data.index(b"\xff\xee")
        data = data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]
    assert np.abs(pixels(data)[8, 8] - (255, 165, 0)).max() < 6


@pytest.mark.parametrize("image_format", ["GIF", "WEBP", "PNG"])
def test_the_first_frame_of_an_animation_counts(image_format: str) -> None:
    frames = [solid(colour, (6, 4)) for colour in ("red", "green", "blue")]
    options = {"lossless": True} if image_format == "WEBP" else {}
    data = encode(frames[0], image_format, save_all=True, append_images=frames[1:], duration=100, **options)
    assert (pixels(data) == (255, 0, 0)).all()


def test_the_first_picture_of_a_stereo_jpeg_counts() -> None:
    left, right = photo(size=(64, 48)), solid("blue", (64, 48))
    stereo = encode(left, "MPO", save_all=True, append_images=[right])
    assert OpenImage(stereo, Limits()).format == "JPEG"
    assert (pixels(stereo) == pixels(jpeg(left))).all()


def test_a_gif_frame_larger_than_its_canvas_counts_as_the_larger() -> None:
    data = bytearray(encode(solid("red", (6, 4)), "GIF"))
    data[6:10] = b"\x01\x00\x01\x00"  # the canvas; Pillow grows it to the frame
    image = OpenImage(bytes(data), Limits())
    assert (image.width, image.height) == (6, 4)
    assert (np.asarray(image.decode("rgb").image) == (255, 0, 0)).all()


def test_progressive_and_baseline_jpegs_are_the_same_image() -> None:
    image = photo(size=(80, 60))
    assert (pixels(jpeg(image, progressive=True)) == pixels(jpeg(image))).all()


def test_colour_profiles_are_ignored() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for image_format in ("JPEG", "PNG"):
        with_profile = encode(gradient(), image_format, icc_profile=profile)
        assert (pixels(with_profile) == pixels(encode(gradient(), image_format))).all()
