"""``infer``: images or pixels in, probabilities or labels out, on the way of every other image."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from models.errors import ImageError
from models.manifest import Manifest
from models.postprocess import answer
from models.refs import Ref
from service.api.documentation import EXAMPLE_IMAGE
from service.api.openinference.encoding import deflated, inflated
from service.api.openinference.errors import errors
from service.api.openinference.paths import RefDep, model_route
from service.api.openinference.reply import Reply, reply
from service.api.openinference.request import Inference, read_request
from service.asked import asked_of
from service.deps import Services, ServicesDep, answerable
from service.errors import DeadlinePassed, InferenceFailed, MalformedRequest
from service.inference.lease import Lease
from service.inference.pipeline import Scored
from service.settings import Settings
from service.uploads.upload import Upload
from service.waiting import wanted

router = APIRouter(tags=["open inference protocol"], responses=errors(400, 404, 408, 413, 415, 422, 429, 503, 504))

_JSON_LENGTH = "inference-header-content-length"
# Bytes from which on a thread reads a body, so that other requests are answered meanwhile.
_LARGE_TEXT, _LARGE_BODY = 16_384, 1 << 20

_TENSOR = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [EXAMPLE_IMAGE]}
_WANTED = {"name": "probabilities", "parameters": {"classification": 3}}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "Inputs and, where they are wanted otherwise than as JSON, outputs; binary tensors follow the "
        "JSON, whose length the header `Inference-Header-Content-Length` has. Where that is 0, the body is an image.",
        "content": {
            "application/json": {
                "schema": {"type": "object", "required": ["inputs"]},
                "example": {"inputs": [_TENSOR], "outputs": [_WANTED]},
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


@model_route(router, "POST", "/infer", _BODY)
async def infer(request: Request, services: ServicesDep, ref: RefDep) -> Response:
    """Give the probabilities of all classes, or the best labels, for each image."""
    answerable(services, ref)
    asked = asked_of(request)
    json_length = _json_length(request)
    body = await asked.body.whole()
    deadline = time.monotonic() + services.settings.request_timeout_s
    made = await wanted(asked, _answer(request, services, ref, body, json_length, deadline), deadline)
    return await _response(made, request)


async def _answer(
    request: Request, services: Services, ref: Ref, data: bytes, json_length: int | None, deadline: float
) -> Reply:
    encoding, most = request.headers.get("content-encoding", ""), services.bodies.most_bytes(request.scope["path"])
    async with inflated(data, encoding, most, services.bodies) as body:
        with await services.fleet.lease(ref, asked_of(request).client) as lease:
            manifest = lease.engine.manifest
            inference = await _read(request, body, json_length, manifest, services.settings)
            version, noted = lease.resolved, request.scope["state"]["noted"]
            noted.update(model=f"{version.name}@{version.version}", images=len(inference.images), bytes=len(data))
            if inference.timeout is not None:
                deadline = min(deadline, time.monotonic() + inference.timeout)
            outcomes = await services.pipeline.score_many(lease.engine, inference.images, deadline)
            _note(lease, outcomes, inference)
        rows = [scored.row for scored in _whole(outcomes)]
        for image, row in zip(inference.images, rows, strict=True):
            if isinstance(image, Upload):
                services.shadow.offer(version, image, answer(row, manifest, 1))
        return reply(inference, rows, manifest)


async def _read(
    request: Request, body: bytes, json_length: int | None, manifest: Manifest, settings: Settings
) -> Inference:
    text = len(body) if json_length is None else json_length
    given = (body, json_length, manifest, settings)
    large = text > _LARGE_TEXT or len(body) > _LARGE_BODY
    inference = await asyncio.to_thread(read_request, *given) if large else read_request(*given)
    # Who sends an image alone cannot say in JSON how the answer is to be.
    alone = json_length == 0 and "application/json" in request.headers.get("accept", "")
    return inference._replace(binary=False) if alone else inference


def _note(lease: Lease, outcomes: Sequence[Scored | Exception], inference: Inference) -> None:
    """What the images say of a canary; those that cannot be decoded say nothing, nor does a client without patience."""
    for outcome in outcomes:
        if isinstance(outcome, Scored):
            lease.answered(outcome.timing)
        elif isinstance(outcome, InferenceFailed) or (isinstance(outcome, DeadlinePassed) and not inference.timeout):
            lease.failed()


def _whole(outcomes: Sequence[Scored | Exception]) -> list[Scored]:
    """All of them; raises the error of the first image that failed, for the protocol knows no answer to a part."""
    found: list[Scored] = []
    for index, outcome in enumerate(outcomes):
        if isinstance(outcome, ImageError | InferenceFailed):
            raise type(outcome)(f"image {index}: {outcome}") from outcome
        if isinstance(outcome, Exception):
            raise outcome
        found.append(outcome)
    return found


def _json_length(request: Request) -> int | None:
    text = request.headers.get(_JSON_LENGTH)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise MalformedRequest("the header Inference-Header-Content-Length must be a number of bytes")
    return int(text)


async def _response(made: Reply, request: Request) -> Response:
    """Only this is ever compressed: the protocol's asynchronous client can read nothing else that is."""
    headers: dict[str, str] = {}
    media_type = "application/json"
    if made.json_length is not None:
        headers[_JSON_LENGTH] = str(made.json_length)
        media_type = "application/octet-stream"
    body, encoding = await deflated(made.body, request.headers.get("accept-encoding", ""))
    if encoding is not None:
        headers["content-encoding"] = encoding
    return Response(body, headers=headers, media_type=media_type)
