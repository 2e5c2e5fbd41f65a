"""Small images inside the page: the pixels that the network saw, as data URIs."""

import base64
import io

from PIL import Image

from models.preprocess import Pixels

_SIDE = 128
# Below this an image of few pixels is kept as it is; above, its noise would cost more than it tells.
_LOSSLESS_SIDE = 48
_MAX_BYTES = 8192


def thumbnail(pixels: Pixels) -> str:
    """A data URI of at most 11 kB of one image, uint8 ``[height, width, channels]``, no side above 128 pixels."""
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    if max(image.size) <= _LOSSLESS_SIDE:
        return _uri(_encode(image, lossless=True), "webp")
    data = _encode(image, quality=75)
    return _uri(data if len(data) <= _MAX_BYTES else _encode(image, quality=30), "webp")


def _encode(image: Image.Image, **settings: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", method=6, **settings)
    return buffer.getvalue()


def _uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
