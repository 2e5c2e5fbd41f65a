"""Images for tests: made on the spot, or the public-domain and CC0 photographs that scikit-image ships."""

import io
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

# Public domain (NASA: astronaut) and CC0 (chelsea, coffee, rocket), as the README in that folder says.
PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")

_ORIENTATION_TAG = 0x0112
# What a camera stores for each orientation: the inverse of what a viewer must do to it.
_STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def photo(name: str = "chelsea.png", size: tuple[int, int] | None = None) -> Image.Image:
    """A real photograph in mode RGB, scaled to ``size`` if given."""
    folder = find_spec("skimage").submodule_search_locations[0]
    with Image.open(Path(folder) / "data" / name) as image:
        upright = image.convert("RGB")
    return upright if size is None else upright.resize(size, Image.Resampling.LANCZOS)


def solid(colour: str | tuple[int, ...], size: tuple[int, int] = (8, 8), mode: str = "RGB") -> Image.Image:
    """An image of one colour."""
    return Image.new(mode, size, colour)


def gradient(size: tuple[int, int] = (32, 24)) -> Image.Image:
    """Smooth, and different in every corner: red grows to the right, green downwards, blue falls to the right."""
    width, height = size
    across = np.broadcast_to(np.linspace(0, 255, width), (height, width))
    down = np.broadcast_to(np.linspace(0, 255, height)[:, None], (height, width))
    return Image.fromarray(np.stack([across, down, 255 - across], axis=-1).round().astype(np.uint8))


def encode(image: Image.Image, image_format: str, **options: object) -> bytes:
    """The bytes of ``image`` in one of Pillow's formats."""
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def exif(orientation: int) -> bytes:
    """EXIF that holds an orientation only."""
    block = Image.Exif()
    block[_ORIENTATION_TAG] = orientation
    return block.tobytes()


def oriented(upright: Image.Image, orientation: int, image_format: str, **options: object) -> bytes:
    """What a camera writes that was held in ``orientation`` 1 to 8 while it saw ``upright``."""
    turn = _STORED[orientation]
    stored = upright if turn is None else upright.transpose(turn)
    return encode(stored, image_format, exif=exif(orientation), **options)


def jpeg(image: Image.Image | None = None, **options: object) -> bytes:
    """A JPEG; of the gradient when no image is given."""
    return encode(image or gradient(), "JPEG", **options)


def samples() -> dict[str, bytes]:
    """A small sound image of each accepted format, and of each way that JPEG, PNG and WebP are often written."""
    image = gradient()
    return {
        "JPEG": encode(image, "JPEG"),
        "JPEG progressive": encode(image, "JPEG", progressive=True),
        "JPEG grey": encode(image.convert("L"), "JPEG"),
        "JPEG CMYK": encode(image.convert("CMYK"), "JPEG"),
        "PNG": encode(image, "PNG"),
        "PNG palette": encode(image.quantize(16), "PNG"),
        "PNG alpha": encode(image.convert("RGBA"), "PNG"),
        "WebP": encode(image, "WEBP"),
        "WebP lossless": encode(image, "WEBP", lossless=True),
        "GIF": encode(image, "GIF"),
        "BMP": encode(image, "BMP"),
    }
