"""Tensors as the protocol writes them: as JSON, row-major and flat or nested, or as little-endian bytes."""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.manifest import InputSpec
from models.preprocess import Pixels
from service.errors import MalformedRequest, TooManyImages
from service.uploads.json_body import read_base64
from service.uploads.upload import Upload

PIXELS, IMAGE, PROBABILITIES = "pixels", "image", "probabilities"

_LENGTH = 4  # bytes before each element of BYTES that say how many it has


class Tensor(NamedTuple):
    """What a request says of an input: its values are ``data`` of the JSON, or ``binary`` of what follows it."""

    shape: Sequence[int]
    datatype: str
    data: object
    binary: memoryview | None


def read_pixels(tensor: Tensor, spec: InputSpec, most: int) -> list[Pixels]:
    """The pixels of each image, uint8 ``[height, width, channels]``.

    Raises MalformedRequest where the tensor is not UINT8 ``[N, height, width, channels]`` as the model takes it, and
    TooManyImages where N is above ``most``.
    """
    shape = tuple(tensor.shape)
    if tensor.datatype != "UINT8" or shape[1:] != spec.shape:
        wanted = [-1, *spec.shape]
        raise MalformedRequest(f"{PIXELS} is UINT8 of the shape {wanted}, not {tensor.datatype} of {list(shape)}")
    _check_count(shape[0], most)
    if tensor.binary is not None:
        if len(tensor.binary) != prod(shape):
            raise MalformedRequest(f"{PIXELS} of the shape {list(shape)} has {len(tensor.binary)} bytes")
        return list(np.frombuffer(tensor.binary, np.uint8).reshape(shape))
    return list(_numbers(tensor.data, shape))


def read_images(tensor: Tensor, most: int) -> list[Upload]:
    """The encoded images of a tensor BYTES ``[N]``; in JSON each is base64, for a text cannot hold its bytes.

    Raises MalformedRequest or TooManyImages.
    """
    if tensor.datatype != "BYTES" or len(tensor.shape) != 1:
        raise MalformedRequest(f"{IMAGE} is BYTES of the shape [-1], not {tensor.datatype} of {list(tensor.shape)}")
    count = tensor.shape[0]
    _check_count(count, most)
    if tensor.binary is not None:
        images = _elements(tensor.binary, most)
    elif isinstance(tensor.data, list) and len(tensor.data) <= most:
        images = [read_base64(text) for text in tensor.data]
    else:
        raise MalformedRequest(f"the data of {IMAGE} must be a list of {count} base64 texts, or follow the JSON")
    if len(images) != count:
        raise MalformedRequest(f"{IMAGE} of the shape [{count}] has {len(images)} elements")
    return images


def float_bytes(values: NDArray[np.float32]) -> bytes:
    """FP32 as it follows the JSON."""
    return values.astype("<f4", copy=False).tobytes()


def text_bytes(texts: Sequence[str]) -> bytes:
    """BYTES as it follows the JSON."""
    encoded = [text.encode() for text in texts]
    return b"".join(len(one).to_bytes(_LENGTH, "little") + one for one in encoded)


def _check_count(count: int, most: int) -> None:
    if count < 1:
        raise MalformedRequest("the first axis of an input counts its images; there must be at least one")
    if count > most:
        raise TooManyImages(f"at most {most} images are taken in one request; send several requests")


def _numbers(data: object, shape: tuple[int, ...]) -> Pixels:
    """UINT8 of JSON; NumPy alone would also take 1.5, true and "12"."""
    try:
        values = np.array(data)
    except ValueError as error:
        raise MalformedRequest(f"the data of {PIXELS} is nested unevenly") from error
    if values.dtype.kind not in "iu" or values.min() < 0 or values.max() > 255:
        raise MalformedRequest(f"the data of {PIXELS} must be whole numbers from 0 to 255, or follow the JSON")
    if values.shape not in {shape, (prod(shape),)}:
        told = f"is nested as {list(values.shape)}; send it flat or nested as its shape {list(shape)} says"
        raise MalformedRequest(f"the data of {PIXELS} {told}")
    return values.astype(np.uint8).reshape(shape)


def _elements(binary: memoryview, most: int) -> list[Upload]:
    """Each element of BYTES: its length, and so many bytes."""
    found: list[Upload] = []
    place = 0
    while place < len(binary) and len(found) <= most:
        start = place + _LENGTH
        place = start + int.from_bytes(binary[place:start], "little")
        if place > len(binary) or start > len(binary):
            raise MalformedRequest(f"an element of {IMAGE} is longer than what is left of the tensor")
        found.append(Upload(None, bytes(binary[start:place])))
    return found
