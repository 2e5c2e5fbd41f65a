"""Requests of the protocol as they are written by hand, and what is common to all answers."""

import base64
import json
from typing import Any

import httpx
import numpy as np

from tests.service.support.problems import Response, assert_discreet
from tests.support.graphs import COLOURS
from tests.support.images import encode, solid

INFER = "/v2/models/tiny/infer"
LENGTH = "inference-header-content-length"


def png(colour: str = "red") -> bytes:
    """A plain image."""
    return encode(solid(colour), "PNG")


def pixels(*colours: str) -> np.ndarray:
    """Plain images as uint8 ``[N, 8, 8, 3]``."""
    return np.stack([np.broadcast_to(np.array(COLOURS[colour], np.uint8), (8, 8, 3)) for colour in colours])


def pixel_input(data: object = None, **changes: object) -> dict[str, object]:
    """The input ``pixels`` with one red image as JSON; ``changes`` replace members, None takes one away."""
    red = pixels("red").ravel().tolist()
    members = {"name": "pixels", "shape": [1, 8, 8, 3], "datatype": "UINT8", "data": red if data is None else data}
    return {name: value for name, value in (members | changes).items() if value is not None}


def image_input(*images: bytes, **changes: object) -> dict[str, object]:
    """The input ``image`` as JSON."""
    texts = [base64.b64encode(image).decode() for image in images]
    members = {"name": "image", "shape": [len(images)], "datatype": "BYTES", "data": texts}
    return {name: value for name, value in (members | changes).items() if value is not None}


def binary_input(name: str, datatype: str, shape: list[int], size: int) -> dict[str, object]:
    """An input whose values follow the JSON."""
    return {"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": size}}


def elements(*contents: bytes) -> bytes:
    """BYTES as they follow the JSON."""
    return b"".join(len(content).to_bytes(4, "little") + content for content in contents)


def with_binary(members: object, binary: bytes) -> dict[str, Any]:
    """What to post: JSON, and bytes after it."""
    text = json.dumps(members).encode()
    return {"content": text + binary, "headers": {LENGTH: str(len(text))}}


def outputs(response: httpx.Response) -> list[dict[str, Any]]:
    """Those of an answer in JSON."""
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["outputs"]
    return found


def assert_error(response: Response, status: int, words: str = "") -> str:
    """Assert that ``response`` has the protocol's one shape of errors, and says this; returns its text."""
    assert response.status_code == status, response.content
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    members = json.loads(response.content)
    assert list(members) == ["error"]
    assert members["error"]
    assert words in members["error"]
    assert_discreet(response.content)
    return str(members["error"])
