"""From a stranger's bytes to an upright image, within limits.

The fixed conversions, the same in training and in serving:

- only the first frame counts; EXIF orientation 1 to 8 is applied; broken EXIF reads as upright;
- 16 bits a channel become 8 by dropping the low byte (Pillow's own conversion would clip grey to white);
- transparency, also of palettes, is laid over white; CMYK, palette and 1-bit go through Pillow's conversion.
"""

import io
import re
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image

from models.errors import ImageTooLarge, UndecodableImage, UnsupportedFormat

_ORIENTATION_TAG = 0x0112
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TURNED = {5, 6, 7, 8}  # orientations that swap width and height
_SCAN = b"\xff\xda"
# The next real marker inside entropy-coded data: stuffing (00), restart markers and fill bytes (FF) are none.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")

# Pillow warns from 89 million pixels on; the limit below refuses more than 50 million before decoding.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one image may cost; see the README for the reasons."""

    max_bytes: int = 10_000_000
    max_pixels: int = 50_000_000
    max_side: int = 16_384
    max_jpeg_scans: int = 100


def sniff(data: bytes) -> str:
    """Return Pillow's name of the format that the first bytes show; raise UnsupportedFormat for others."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith(b"BM"):
        return "BMP"
    raise UnsupportedFormat("the content is not a JPEG, PNG, WebP, GIF or BMP image; convert it to one of these")


class OpenImage:
    """An accepted image whose header was read and found within limits; its pixels are not decoded yet.

    ``format`` is Pillow's name, ``width`` and ``height`` are those of the file, before EXIF orientation.
    """

    def __init__(self, data: bytes, limits: Limits) -> None:
        if not data:
            raise UndecodableImage("the image is empty: it has no bytes")
        if len(data) > limits.max_bytes:
            raise ImageTooLarge(f"the image has {len(data):,} bytes; at most {limits.max_bytes:,} are accepted")
        self.format = sniff(data)
        if self.format == "JPEG":
            _check_scans(data, limits.max_jpeg_scans)
        self._image = _open(data, self.format)
        self.width, self.height = self._image.size
        _check_size(self.width, self.height, limits)

    @property
    def upright_size(self) -> tuple[int, int]:
        """``(width, height)`` after EXIF orientation, as far as the header tells it."""
        turned = _orientation(self._image) in _TURNED
        return (self.height, self.width) if turned else (self.width, self.height)

    def decode(self, colour: str, at_least: tuple[int, int] | None = None) -> Image.Image:
        """Return the upright image in mode RGB (``colour`` "rgb") or L ("grey").

        ``at_least`` is the smallest upright ``(width, height)`` that will do: a JPEG is then decoded at 1/2, 1/4
        or 1/8 of its size where that is enough, which costs a fraction of the time and memory.
        Raises UndecodableImage when the content is broken or cut short. Call it once.
        """
        image = self._image
        try:
            if at_least is not None and self.format == "JPEG":
                turned = _orientation(image) in _TURNED
                image.draft(image.mode, at_least[::-1] if turned else at_least)
            image.load()
            return _convert(_upright(image), "RGB" if colour == "rgb" else "L")
        except MemoryError:
            raise
        except Exception as error:  # Pillow's plugins raise nearly anything on broken content, struct.error included
            raise UndecodableImage(f"the {self.format} content is broken or cut short") from error


def _open(data: bytes, image_format: str) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=(image_format,))
    except Image.DecompressionBombError as error:
        raise ImageTooLarge("the image has too many pixels") from error
    except Exception as error:  # as in decode
        raise UndecodableImage(f"the {image_format} header is broken or cut short") from error


def _check_size(width: int, height: int, limits: Limits) -> None:
    if not (1 <= width <= limits.max_side and 1 <= height <= limits.max_side):
        raise ImageTooLarge(f"the image is {width} x {height}; a side must be 1 to {limits.max_side:,} pixels")
    if width * height > limits.max_pixels:
        raise ImageTooLarge(
            f"the image has {width * height:,} pixels; at most {limits.max_pixels:,} are accepted: send a smaller copy"
        )


def _check_scans(data: bytes, limit: int) -> None:
    """Refuse a JPEG of too many scans: each costs a pass over all pixels, however few bytes it has."""
    if data.count(_SCAN) <= limit:  # an upper bound of the scans, and nearly always enough
        return
    if _count_scans(data) > limit:
        raise ImageTooLarge(f"the JPEG has more than {limit} scans; save it again as a baseline JPEG")


def _count_scans(data: bytes) -> int:
    """Count the scans by walking the markers, so that scans of an embedded thumbnail do not count."""
    scans, position = 0, 2
    while marker := _MARKER.search(data, position):
        code = data[marker.end() - 1]
        if code == 0xD9:  # end of image
            break
        scans += code == _SCAN[1]
        length = int.from_bytes(data[marker.end() : marker.end() + 2], "big")
        position = marker.end() + max(length, 2)
    return scans


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # noqa: BLE001 - broken EXIF, in whatever way, is no reason to refuse readable pixels
        return 1


def _upright(image: Image.Image) -> Image.Image:
    transpose = _TRANSPOSE.get(_orientation(image))
    return image if transpose is None else image.transpose(transpose)


def _convert(image: Image.Image, mode: str) -> Image.Image:
    if image.mode == "I" or image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image).astype(np.int32) >> 8).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image if image.mode == mode else image.convert(mode)
