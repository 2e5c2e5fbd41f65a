"""JSON bodies with images as base64."""

import base64
import binascii
from typing import Any

import pydantic_core

from service.errors import MalformedRequest, TooManyImages
from service.uploads.upload import Upload

# Far more than the most images need. Each value costs 64 bytes and more: 13 MB of "[],[],..." took 6 s and 600 MB.
_MAX_VALUES = 10_000
_NESTING = (dict, list)


def read_json_image(body: bytes, max_depth: int) -> Upload:
    """Return the image of ``{"image": "<base64>"}``; raises MalformedRequest."""
    return read_base64(_only_member(body, "image", max_depth))


def read_json_images(body: bytes, max_depth: int, max_images: int) -> list[Upload]:
    """Return the images of ``{"images": ["<base64>", ...]}``; raises MalformedRequest or TooManyImages."""
    images = _only_member(body, "images", max_depth)
    if not isinstance(images, list) or not images:
        raise MalformedRequest('"images" must be a list of at least one base64 text')
    if len(images) > max_images:
        raise TooManyImages(f"at most {max_images} images are taken in one request; send several requests")
    return [read_base64(image) for image in images]


def read_json(body: bytes, max_depth: int, max_values: int) -> Any:
    """What ``body`` says; raises MalformedRequest where it is no JSON, nests too deep, or holds too many values."""
    # Numbers and base64 have none of these, so what is counted is the structure; texts may have some.
    if sum(body.count(sign) for sign in (b"[", b"{", b",")) > max_values:
        raise MalformedRequest(f"the JSON holds more than {max_values:,} values, which is far more than it needs")
    try:
        content = pydantic_core.from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise MalformedRequest(f"the body is not JSON: {error}") from error
    if _deeper(content, max_depth):
        raise MalformedRequest(f"the JSON nests deeper than {max_depth}")
    return content


def _only_member(body: bytes, name: str, max_depth: int) -> object:
    content = read_json(body, max_depth, _MAX_VALUES)
    if not isinstance(content, dict) or set(content) != {name}:
        raise MalformedRequest(f'the JSON must be an object with the one member "{name}"')
    return content[name]


def _deeper(content: Any, depth: int) -> bool:
    """Whether ``content`` nests deeper than ``depth``; pydantic's parser itself stops at a few hundred."""
    if not isinstance(content, _NESTING):
        return False
    children = content.values() if isinstance(content, dict) else content
    return depth == 0 or any(_deeper(child, depth - 1) for child in children if isinstance(child, _NESTING))


def read_base64(text: object) -> Upload:
    """The image whose bytes ``text`` writes; raises MalformedRequest."""
    if not isinstance(text, str):
        raise MalformedRequest("an image must be a base64 text")
    try:
        return Upload(None, base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        raise MalformedRequest(
            "an image is not base64: send the file's bytes encoded, without a data: prefix"
        ) from error
