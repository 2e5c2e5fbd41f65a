"""From an open image to the pixels that the graph takes; training's validation and test images pass here too."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.decode import Box, Decoded, Limits, OpenImage
from models.manifest import InputSpec
from models.resize import Size, resize

Pixels = NDArray[np.uint8]

# A JPEG may be decoded at a reduced scale as long as three times the needed resolution is left: the antialiased
# filter then does the rest, and what differs stays below half a grey level on average (with twice, Pillow's gap for
# thumbnails, it was 1.9). Never for "nearest", which must find the pixels as they are.
_REDUCING_GAP = 3.0


def preprocess(image: OpenImage, spec: InputSpec) -> Pixels:
    """Decode, orient, convert and resize ``image``; returns uint8 ``[height, width, channels]``, contiguous.

    Raises UndecodableImage when the content is broken.
    """
    enough = None if spec.filter == "nearest" else _enough(image.upright_size, spec)
    decoded = image.decode(spec.colour, at_least=enough)
    if decoded.extent == (0.0, 0.0, float(spec.width), float(spec.height)) and spec.crop_fraction == 1:
        return _pixels(decoded.image, spec)  # nothing is left to be done
    if spec.resize == "pad":
        resized = _pad(decoded, spec)
    else:
        box = _crop_box(decoded.extent, spec) if spec.resize == "crop" else decoded.extent
        resized = _resize(decoded.image, box, (spec.width, spec.height), spec)
    return _pixels(resized, spec)


def _pixels(image: Image.Image, spec: InputSpec) -> Pixels:
    return np.asarray(image).reshape(spec.shape)


def load_pixels(data: bytes, spec: InputSpec, limits: Limits | None = None) -> Pixels:
    """Return the pixels of encoded ``data``: all that stands between bytes and the graph."""
    return preprocess(OpenImage(data, limits or Limits()), spec)


def _resize(image: Image.Image, box: Box, size: Size, spec: InputSpec) -> Image.Image:
    if image.size == size and box == (0.0, 0.0, float(image.width), float(image.height)):
        return image  # Pillow would copy it
    return resize(image, box, size, spec.filter)


def _pad(decoded: Decoded, spec: InputSpec) -> Image.Image:
    width, height = _size(decoded.extent)
    scale = min(spec.width / width, spec.height / height)
    size = (
        min(spec.width, max(1, round(width * scale))),
        min(spec.height, max(1, round(height * scale))),
    )
    fitted = _resize(decoded.image, decoded.extent, size, spec)
    canvas = Image.new(fitted.mode, (spec.width, spec.height), (spec.pad_value,) * spec.channels)
    canvas.paste(fitted, ((spec.width - size[0]) // 2, (spec.height - size[1]) // 2))
    return canvas


def _crop_box(extent: Box, spec: InputSpec) -> Box:
    """The central part of ``extent`` with the aspect of the input, so that a thin image is never blown up first."""
    width, height = _size(extent)
    scale = spec.crop_fraction * min(width / spec.width, height / spec.height)
    crop_width, crop_height = min(width, spec.width * scale), min(height, spec.height * scale)  # against rounding
    left, top = extent[0] + (width - crop_width) / 2, extent[1] + (height - crop_height) / 2
    return (left, top, left + crop_width, top + crop_height)


def _size(box: Box) -> tuple[float, float]:
    left, top, right, bottom = box
    return (right - left, bottom - top)


def _enough(size: Size, spec: InputSpec) -> Size:
    """The smallest upright size of the whole image that leaves the reducing gap in what will be used of it."""
    width, height = size
    shrink_x, shrink_y = width / spec.width, height / spec.height
    if spec.resize == "crop":
        shrink_x = shrink_y = spec.crop_fraction * min(shrink_x, shrink_y)
    elif spec.resize == "pad":
        shrink_x = shrink_y = max(shrink_x, shrink_y)
    return (math.ceil(_REDUCING_GAP * width / shrink_x), math.ceil(_REDUCING_GAP * height / shrink_y))
