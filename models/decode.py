"""From a stranger's bytes to an upright image, within limits.

The fixed conversions, the same in training and in serving:

- only the first frame counts; EXIF orientation 1 to 8 is applied; broken EXIF reads as upright;
- 16 bits a channel become 8 by dropping the low byte (Pillow's own conversion would clip grey to white);
- transparency, also of palettes and of one colour, is laid over white;
- CMYK, palette and 1-bit go through Pillow's conversion; colour profiles are ignored.
"""

import io
import warnings
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFile

from models.errors import ImageTooLarge, UndecodableImage, UnsupportedFormat
from models.structure import check_jpeg, check_png

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
# Orientations that swap width and height; that bring the right side of what is stored to the left; the lower side up.
_TURNED, _LEFT, _UP = {5, 6, 7, 8}, {2, 3, 6, 7}, {3, 4, 7, 8}
# The most memory that decoding was seen to take for a pixel of the file: a WebP of 34 bytes that claims 50 megapixels
# took 784 MiB, a progressive CMYK JPEG of 36 megapixels 385 MiB, a PNG with transparency of 50 megapixels 402 MiB.
_BYTES_A_PIXEL = {"WEBP": 17, "JPEG": 12}
_BYTES_A_PIXEL_ELSE = 9
_GREY_STEP = {"L;2": 85, "L;4": 17}  # from grey of 2 and 4 bits to 8
_STRIP = 256  # rows

# What Pillow has to say about strangers' bytes is said by our errors. Its warnings quote those bytes, and Python
# remembers each text for ever. The one about huge images comes too late: from 89 million pixels on.
warnings.filterwarnings("ignore", module=r"PIL\b")


Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one image may cost; docs/settings.md lists the service's settings of these."""

    max_bytes: int = 10_000_000
    max_pixels: int = 50_000_000
    max_side: int = 16_384
    max_jpeg_scans: int = 100
    max_parts: int = 10_000  # segments of a JPEG, chunks of a PNG
    max_png_compressed: int = 100  # profiles and texts, 1 MB each


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


class Decoded(NamedTuple):
    """An upright image in mode RGB or L.

    ``extent`` is the part of it that was in the file, (left, top, right, bottom): 1/8 of 9 columns is 1.125 columns,
    in an image that has 2.
    """

    image: Image.Image
    extent: Box


class OpenImage:
    """An accepted image whose header was read and found within limits; its pixels are not decoded yet.

    ``format`` and ``mode`` are Pillow's names, ``width`` and ``height`` those of the file, before EXIF orientation.
    """

    def __init__(self, data: bytes, limits: Limits) -> None:
        if not data:
            raise UndecodableImage("the image is empty: it has no bytes")
        if len(data) > limits.max_bytes:
            raise ImageTooLarge(f"the image has {len(data):,} bytes; at most {limits.max_bytes:,} are accepted")
        self.format = sniff(data)
        if self.format == "JPEG":
            check_jpeg(data, limits.max_jpeg_scans, limits.max_parts)
        elif self.format == "PNG":
            check_png(data, limits.max_parts, limits.max_png_compressed)
        self._image = _open(data, self.format)
        self.mode = self._image.mode
        self.width, self.height = self._image.size
        _check_size(self.width, self.height, limits)

    @property
    def memory(self) -> int:
        """The most bytes that decoding may take, by the header."""
        return self.width * self.height * _BYTES_A_PIXEL.get(self.format, _BYTES_A_PIXEL_ELSE)

    @property
    def upright_size(self) -> tuple[int, int]:
        """``(width, height)`` after EXIF orientation; a PNG's may follow its pixels and is not looked for yet."""
        turned = self.format != "PNG" and _orientation(self._image) in _TURNED
        return (self.height, self.width) if turned else (self.width, self.height)

    def decode(self, colour: str, at_least: tuple[int, int] | None = None) -> Decoded:
        """Return the upright image in mode RGB (``colour`` "rgb") or L ("grey").

        ``at_least`` is the smallest upright ``(width, height)`` that will do: a JPEG is then decoded at 1/2, 1/4
        or 1/8 of its size where that is enough, which costs a fraction of the time and memory.
        Raises UndecodableImage when the content is broken or cut short. Call it once.
        """
        image = self._image
        size: tuple[float, float] = image.size
        try:
            if at_least is not None and self.format == "JPEG":
                size = _reduce(image, at_least)
            elif self.format == "PNG":
                _scale_key(image)
            image.load()
            orientation = _orientation(image)
            upright = image if orientation == 1 else image.transpose(_TRANSPOSE[orientation])
            return Decoded(_convert(upright, "RGB" if colour == "rgb" else "L"), _extent(upright, size, orientation))
        except MemoryError:
            raise
        except Exception as error:  # Pillow's plugins raise nearly anything on broken content, struct.error included
            raise UndecodableImage(f"the {self.format} content is broken or cut short") from error


def _open(data: bytes, image_format: str) -> ImageFile.ImageFile:
    try:
        return Image.open(io.BytesIO(data), formats=(image_format,))
    except Image.DecompressionBombError as error:
        raise ImageTooLarge("the image has too many pixels") from error
    except MemoryError:
        raise
    except Exception as error:  # as in decode
        raise UndecodableImage(f"the {image_format} header is broken or cut short") from error


def _check_size(width: int, height: int, limits: Limits) -> None:
    if not (1 <= width <= limits.max_side and 1 <= height <= limits.max_side):
        raise ImageTooLarge(f"the image is {width} x {height}; a side must be 1 to {limits.max_side:,} pixels")
    if width * height > limits.max_pixels:
        raise ImageTooLarge(
            f"the image has {width * height:,} pixels; at most {limits.max_pixels:,} are accepted: send a smaller copy"
        )


def _orientation(image: Image.Image) -> int:
    # Not of a PNG before its load(): Pillow would decode it in here, and what is broken would go unheard.
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG)
    except Exception:  # noqa: BLE001 - broken EXIF, in whatever way, is no reason to refuse readable pixels
        return 1
    return orientation if orientation in _TRANSPOSE else 1


def _reduce(image: ImageFile.ImageFile, at_least: tuple[int, int]) -> tuple[float, float]:
    """Have a JPEG decoded at a reduced scale; returns its stored size in the new pixels, with the fractions."""
    width, height = at_least[::-1] if _orientation(image) in _TURNED else at_least
    drafted = image.draft(image.mode, (width, height))
    return image.size if drafted is None else drafted[1][2:]


def _extent(upright: Image.Image, stored_size: tuple[float, float], orientation: int) -> Box:
    width, height = stored_size[::-1] if orientation in _TURNED else stored_size
    left = upright.width - width if orientation in _LEFT else 0.0
    top = upright.height - height if orientation in _UP else 0.0
    return (left, top, left + width, top + height)


def _scale_key(image: ImageFile.ImageFile) -> None:
    """Pillow brings the pixels of a PNG to 8 bits, but not the one colour that is transparent."""
    key = image.info.get("transparency")
    if key is None or not image.tile:
        return
    stored = str(image.tile[0].args)
    if stored == "RGB;16B":
        image.info["transparency"] = tuple(value >> 8 for value in key)
    elif stored in _GREY_STEP:
        image.info["transparency"] = key * _GREY_STEP[stored]


def _convert(image: Image.Image, mode: str) -> Image.Image:
    if image.mode.startswith("I;16"):
        image = _eight_bits(image)
    if image.has_transparency_data:
        image = _over_white(image)
    return image if image.mode == mode else image.convert(mode)


def _eight_bits(image: Image.Image) -> Image.Image:
    grey = np.asarray(image)
    eight = Image.fromarray((grey >> 8).astype(np.uint8))
    if "transparency" in image.info:  # one grey of the 65,536
        eight.putalpha(Image.fromarray((grey != image.info["transparency"]).astype(np.uint8) * 255))
    return eight


def _over_white(image: Image.Image) -> Image.Image:
    """In strips: Pillow's way for the whole image takes four times its size (764 instead of 400 MB at the limit)."""
    flat = Image.new("RGB", image.size)
    for top in range(0, image.height, _STRIP):
        strip = image.crop((0, top, image.width, top + _STRIP)).convert("RGBA")
        flat.paste(Image.alpha_composite(Image.new("RGBA", strip.size, "white"), strip), (0, top))
    return flat
