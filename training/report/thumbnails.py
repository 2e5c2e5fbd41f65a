"""Small images inside the page: the pixels that the network saw, as data URIs."""

import base64
import io

from PIL import Image

from models.preprocess import Pixels

_SIDE = 128
# Below this an image of few pixels is kept as it is; above, its noise would cost more than it tells.
_LOSSLESS_SIDE = 40
_MAX_BYTES = 6144
_QUALITIES = (75, 50, 30, 10)


def thumbnail(pixels: Pixels) -> str:
    """A data URI of at most 8 kB of one image, uint8 ``[height, width, channels]``, no side above 128 pixels."""
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    if max(image.size) <= _LOSSLESS_SIDE:
        return _uri(_encode(image, lossless=True), "webp")
    encoded = (_encode(image, quality=quality) for quality in _QUALITIES)
    data = next((data for data in encoded if len(data) <= _MAX_BYTES), None)
    return _uri(data or _encode(image, quality=_QUALITIES[-1]), "webp")


def jpeg_uri(data: bytes) -> str:
    """The data URI of a JPEG."""
    return _uri(data, "jpeg")


def _encode(image: Image.Image, **settings: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", method=6, **settings)
    return buffer.getvalue()


def _uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
