"""A request for inference: what it asks for, and the images in it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.manifest import Manifest
from models.preprocess import Pixels
from models.problems import describe_problems
from service.api.openinference.tensors import IMAGE, PIXELS, PROBABILITIES, Tensor, read_images, read_pixels
from service.errors import MalformedRequest
from service.settings import Settings
from service.uploads.json_body import read_json
from service.uploads.upload import Upload

# Enough for an image of 224 x 224, or for 64 of 32 x 32; more go as binary data. While JSON becomes objects nothing
# else is done: a million lists in 1.5 MB took half a second.
_MAX_VALUES = 300_000


class _Part(BaseModel):
    """Members that are not known are left alone: the protocol lets each server have parameters of its own."""

    model_config = ConfigDict(strict=True, frozen=True)


class _InputParameters(_Part):
    binary_data_size: int | None = Field(None, ge=0)
    shared_memory_region: str | None = None


class _Input(_Part):
    name: str
    shape: list[int]
    datatype: str
    parameters: _InputParameters = _InputParameters()
    data: Any = None


class _OutputParameters(_Part):
    binary_data: bool | None = None
    classification: int = Field(0, ge=0)
    shared_memory_region: str | None = None


class _Output(_Part):
    name: str
    parameters: _OutputParameters = _OutputParameters()


class _Parameters(_Part):
    binary_data_output: bool = False
    sequence_id: int | str = 0
    timeout: int = Field(0, ge=0)


class _Request(_Part):
    id: str | None = None
    parameters: _Parameters = _Parameters()
    inputs: list[_Input]
    outputs: list[_Output] = []


class Inference(NamedTuple):
    """What is wanted: probabilities or, with ``classes``, so many labels of each image, as bytes or as JSON.

    ``images`` are encoded, or pixels already. ``timeout`` is in seconds, None where the client names none.
    """

    id: str | None
    images: Sequence[Upload | Pixels]
    classes: int
    binary: bool
    timeout: float | None


def read_request(body: bytes, json_length: int | None, manifest: Manifest, settings: Settings) -> Inference:
    """Read a body of which the first ``json_length`` bytes are JSON; None for all, 0 where it is one encoded image.

    Raises MalformedRequest or TooManyImages.
    """
    if json_length == 0:
        return Inference(None, [Upload(None, body)], 0, binary=True, timeout=None)
    if json_length is not None and json_length > len(body):
        raise MalformedRequest(f"the header says that {json_length} bytes are JSON, but the body has {len(body)}")
    request = _parsed(body[:json_length], settings)
    rest = memoryview(body)[len(body) if json_length is None else json_length :]
    output = _the_output(request)
    binary = output.binary_data
    return Inference(
        id=request.id,
        images=_images(_the_input(request), rest, manifest, settings.max_images),
        classes=min(output.classification, len(manifest.labels)),
        binary=request.parameters.binary_data_output if binary is None else binary,
        timeout=request.parameters.timeout / 1e6 or None,
    )


def _parsed(text: bytes, settings: Settings) -> _Request:
    content = read_json(text, settings.max_json_depth, _MAX_VALUES)
    try:
        request = _Request.model_validate(content)
    except ValidationError as error:
        raise MalformedRequest(f"no such request: {describe_problems(error, (), 'the body')}") from error
    if request.parameters.sequence_id:
        raise MalformedRequest("sequences are not offered: each request is answered by itself")
    return request


def _the_input(request: _Request) -> _Input:
    for given in request.inputs:
        if given.name not in {PIXELS, IMAGE}:
            raise MalformedRequest(f"there is no input {given.name!r}; there are {PIXELS} and {IMAGE}")
        if given.parameters.shared_memory_region is not None:
            raise MalformedRequest("shared memory is not offered; send tensors as binary data in the body")
    if len(request.inputs) != 1:
        raise MalformedRequest(f"a request has one input, {PIXELS} or {IMAGE}, not {len(request.inputs)}")
    return request.inputs[0]


def _the_output(request: _Request) -> _OutputParameters:
    for asked in request.outputs:
        if asked.name != PROBABILITIES:
            raise MalformedRequest(f"there is no output {asked.name!r}; there is {PROBABILITIES}")
        if asked.parameters.shared_memory_region is not None:
            raise MalformedRequest("shared memory is not offered; outputs come in the answer")
    if len(request.outputs) > 1:
        raise MalformedRequest(f"{PROBABILITIES} can be asked for once")
    return request.outputs[0].parameters if request.outputs else _OutputParameters()


def _images(given: _Input, rest: memoryview, manifest: Manifest, most: int) -> Sequence[Upload | Pixels]:
    size = given.parameters.binary_data_size
    if len(rest) != (size or 0):
        told = f"{len(rest)} bytes follow the JSON, but binary_data_size says {size or 0}"
        raise MalformedRequest(f"{told}; the header Inference-Header-Content-Length has the length of the JSON alone")
    if (size is None) == (given.data is None):
        raise MalformedRequest(f"{given.name} has data or binary_data_size, and not both")
    tensor = Tensor(given.shape, given.datatype, given.data, None if size is None else rest)
    return read_pixels(tensor, manifest.input, most) if given.name == PIXELS else read_images(tensor, most)
